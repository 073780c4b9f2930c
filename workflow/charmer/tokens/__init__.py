"""Text as integers: vocabularies, encoding, packing, and the windows that training reads."""
