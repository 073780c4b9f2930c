"""Does a text parse as Python, and if not, does it at least fall into tokens?

Notable here: `symtable` runs CPython's parser without building a single Python object of the syntax tree, so it is
almost twice as fast as `ast.parse`. It refuses a little more than the grammar does (a `nonlocal` at the top of a
module), so only its acceptance counts; what it refuses, `ast.parse` decides.
"""

from __future__ import annotations

import ast
import io
import platform
import symtable
import tokenize
import warnings

PARSES = 2
GRAMMAR = "Python " + ".".join(platform.python_version_tuple()[:2])


def syntax_error(text: str) -> str | None:
    """None if `text` parses under this interpreter's grammar, else one line: the grammar and its complaint."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like: `-W error` must not turn them into errors
        try:
            symtable.symtable(text, "text", "exec")
            return None
        except Exception:
            pass
        try:
            ast.parse(text, "text")
            return None
        except SyntaxError as error:
            where = f" (line {error.lineno})" if error.lineno else ""
            return f"{GRAMMAR}: {_printable(error.msg)}{where}"
        except (RecursionError, MemoryError):
            return f"{GRAMMAR}: nested too deeply"
        except ValueError as error:  # NUL characters, integers of too many digits
            return f"{GRAMMAR}: {_printable(str(error))}"


def _printable(message: str) -> str:
    """The message on one line and without lone surrogates, which no table can hold."""
    return " ".join(message.encode("utf-8", "backslashreplace").decode().split())


def tokenizes(text: str) -> bool:
    """Whether Python's tokenizer goes through `text` without an error; Python 2 code usually does."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.ERRORTOKEN and not token.string.isspace():
                return False
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # Python 3.12 raises UnicodeDecodeError, a ValueError, for some characters out of place
    return True


def soundness(text: str) -> int:
    """How much like Python a text is: PARSES (2), 1 if it falls into tokens, else 0."""
    if syntax_error(text) is None:
        return PARSES
    return 1 if tokenizes(text) else 0
