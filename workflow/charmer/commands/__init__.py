"""The sub-commands of `charmer`, a module each; `charmer.cli` says what such a module holds."""
