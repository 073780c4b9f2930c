"""What the interpreter's messages mean, as sentences without a full stop, and what it suggests in them."""

# A table reads best with one message a line.
# ruff: noqa: E501

from __future__ import annotations

MEANINGS: tuple[tuple[str, str, str], ...] = (  # exception, what it says, what that means; {0}, {1} are the values
    ("NameError", r"name '(.+?)' is not defined", "nothing is called `{0}` here: it was never assigned or imported, or is spelled otherwise"),
    ("UnboundLocalError", r"local variable '(.+?)'", "`{0}` is assigned somewhere in this function, so it is local, and is read before that happens"),
    ("AttributeError", r"'NoneType' object has no attribute '(.+?)'", "what stands before `.{0}` is None: something that should give an object gave nothing"),
    ("AttributeError", r"'(.+?)' object has no attribute '(.+?)'", "an object of type `{0}` has no `{1}`: the name is wrong, or the object is not what it should be"),
    ("AttributeError", r"module '(.+?)' has no attribute '(.+?)'", "the module `{0}` has no `{1}`: the name is wrong, or a file of yours hides the module"),
    ("TypeError", r"'NoneType' object is not ((?:an? )?\w+)", "something is None where a value that is {0} is needed: a function may have lost its `return`"),
    ("TypeError", r"'(.+?)' object is not ((?:an? )?\w+)", "a value of type `{0}` is used as if it were {1}"),
    ("TypeError", r"unsupported operand type\(s\) for (.+?): '(.+?)' and '(.+?)'", "`{0}` cannot join a `{1}` and a `{2}`; one of them is not of the type that was meant"),
    ("TypeError", r"(.+?)\(\) missing \d+ required .*?arguments?: (.+)", "`{0}` is called without {1}"),
    ("TypeError", r"(.+?)\(\) takes (.+?) positional arguments? but (\d+) (?:was|were) given", "`{0}` takes {1} arguments and gets {2}; in a method the first of them is `self`"),
    ("TypeError", r"(.+?)\(\) got an unexpected keyword argument '(.+?)'", "`{0}` knows no argument `{1}`"),
    ("TypeError", r"can only concatenate (\w+) \(not \"(\w+)\"\) to \w+", "`+` needs a `{0}` on both sides and gets a `{1}`"),
    ("KeyError", r"pop from an empty set|popitem\(\): dictionary is empty", "something is taken out of a set or a dictionary that is empty"),
    ("KeyError", r"(.+)", "the key {0} is not in the dictionary"),
    ("IndexError", r"^(\w+) assignment index out of range", "the index that is assigned to or deleted is beyond the end of the {0}: assigning adds no entry"),
    ("IndexError", r"^pop index out of range", "the index that `pop` gets is beyond the end of the list: it has fewer entries than the code counts on"),
    ("IndexError", r"^pop from (?:an )?empty (\w+)", "`pop` is called on a {0} that is empty"),
    ("IndexError", r"^(\w+)(?: object)? index out of range", "the index is beyond the end of the {0}: it has fewer entries than the code counts on"),
    ("ZeroDivisionError", r"", "the divisor is 0"),
    ("ValueError", r"invalid literal for (\w+)\(\) with base \d+: (.+)", "{1} is no number that `{0}` can read"),
    ("ValueError", r"not enough values to unpack \(expected (.+?), got (\d+)\)", "{0} names stand on the left and only {1} values on the right"),
    ("ValueError", r"too many values to unpack \(expected (\d+)", "there are more values on the right than the {0} names on the left"),
    ("ModuleNotFoundError", r"No module named '(.+?)'", "`{0}` is not installed in this environment, or not on the path"),
    ("ImportError", r"cannot import name '(.+?)' from '(.+?)'", "`{1}` has no `{0}`; if `{1}` is yours, the two may import each other"),
    ("FileNotFoundError", r": '(.+?)'", "there is no file `{0}`, seen from the folder in which the program runs"),
    ("RecursionError", r"", "a function calls itself without an end: the case that should stop it is missing or never reached"),
    ("AssertionError", r"^assert (.+)", "`{0}` does not hold"),
    ("AssertionError", r"(.+)", "what the code takes for granted here does not hold: {0}"),
    ("AssertionError", r"", "what the code takes for granted here does not hold"),
    ("StopIteration", r"", "`next` was called on something that is used up"),
    ("UnicodeDecodeError", r"'(.+?)' codec can't decode byte (\w+) in position (\d+)", "byte {1} at position {2} is no {0}: the file has another encoding"),
    ("TabError", r"", "tabs and blanks are mixed in the indentation"),
    ("IndentationError", r"(.+)", "the indentation is wrong: {0}"),
    ("SyntaxError", r"(.+)", "this is no Python: {0}"),
)  # fmt: skip

HINTS: tuple[tuple[str, str], ...] = (  # what the interpreter adds to a message of any exception, what that means
    (r"Did you mean:? '(.+?)'\?", "Python suggests `{0}`"),
    (r"[Dd]id you forget to import '(.+?)'", "Python suggests to import `{0}`"),
    (r"consider renaming '(.+?)'", "Python suggests to rename `{0}`, which hides a module of the same name"),
)  # fmt: skip
