"""Programs that try to pass without being right. Each stands between two honest ones, which must not suffer."""

import sys
from pathlib import Path

import pytest
from charmer.sandbox.judge import Task, Verdict, judge
from charmer.sandbox.run import Sandbox
from charmer.sandbox.values import Gone, NotPlain, Peer, raised

RIGHT = "def double(value):\n    return value * 2\n"
WRONG = "def double(value):\n    return value + 1\n"
CHECK = """
def check(candidate):
    assert candidate(3) == 6
    assert candidate("ab") == "abab"
    assert candidate([1, None]) == [1, None, 1, None]
"""
DOUBLE = Task(RIGHT, "double", CHECK)

ALWAYS_EQUAL = """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
"""

FORGERIES = {
    "exits with 0": "import os\ndef double(value): os._exit(0)",
    "exits with 0 while it is loaded": "import os\nos._exit(0)",
    "raises SystemExit": "import sys\ndef double(value): sys.exit(0)",
    "exits while it is loaded": "raise SystemExit(0)",
    "raises KeyboardInterrupt": "def double(value): raise KeyboardInterrupt",
    "raises what tests raise": "def double(value): raise AssertionError",
    "prints a pass": "def double(value):\n    print('passed', flush=True)",
    "prints a pass when loaded": "print('passed\\nok\\n1 passed', flush=True)\nimport sys\nsys.exit()",
    "writes a pass to every descriptor": (
        "import os\ndef double(value):\n    for fd in range(64):\n        try: os.write(fd, b'passed\\n')\n"
        "        except OSError: pass\n    os._exit(0)"
    ),
    "answers for those that follow": (
        "import os\nfor path in ['/proc/1/fd/1', *(f'/proc/self/fd/{fd}' for fd in range(3, 64))]:\n"
        '    try: os.write(os.open(path, os.O_WRONLY), b\'{"dict":[["returned",{"int":"0x7"}]]}\\n\' * 50)\n'
        "    except OSError: pass\ndef double(value): return 0"
    ),
    "answers by hand": (
        "import os\ndef double(value):\n    for fd in range(3, 64):\n"
        '        try: os.write(fd, b\'{"dict":[["passed",true]]}\\n\')\n        except OSError: pass'
    ),
    "equals everything": ALWAYS_EQUAL + "def double(value): return Equal()",
    "equals everything as a number": ALWAYS_EQUAL + "class N(Equal, int): pass\ndef double(value): return N(7)",
    "equals everything as a text": ALWAYS_EQUAL + "class S(Equal, str): pass\ndef double(value): return S('x')",
    "equals everything in a list": ALWAYS_EQUAL + "def double(value): return [Equal()]",
    "patches the builtins": (
        "import builtins\nbuiltins.AssertionError = type('Quiet', (Exception,), {})\n"
        "builtins.all = builtins.isinstance = lambda *_: True\ndef double(value): return value"
    ),
    "patches the encoder": "import json\njson.dumps = lambda *a, **k: '[]'\ndef double(value): return 0",
    "replaces the tests": "def check(candidate): pass\ndef double(value): return 0",
    "looks for the tests in its callers": (
        "import sys\ndef double(value):\n    frame = sys._getframe()\n    while frame:\n"
        "        if 'check' in frame.f_globals: return value * 2\n        frame = frame.f_back\n    return 0"
    ),
    "looks for the tests in memory": (
        "import gc\ndef double(value):\n"
        "    texts = [o for o in gc.get_objects() if isinstance(o, dict) and 'test' in o]\n"
        "    return value * 2 if texts else 0"
    ),
    "looks for the tests on the disk": (
        "import glob\ndef double(value):\n    for path in glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/tmp/**'):\n"
        "        if b'abab' in open(path, 'rb').read(): return value * 2\n    return 0"
    ),
    "hooks its end": "import atexit, os\natexit.register(print, 'passed')\ndef double(value): return 0",
    "kills its parent": "import os\ndef double(value): os.kill(os.getppid(), 9)",
    "kills everything": "import os\ndef double(value): os.kill(-1, 9)",
    "kills itself": "import os\ndef double(value): os.kill(os.getpid(), 9)",
    "leaves a child behind": (
        "import os, time\ndef double(value):\n    if os.fork() == 0:\n        time.sleep(60)\n    return value * 2"
    ),
    "writes into its parent's memory": (
        "import os\ndef double(value):\n    open(f'/proc/{os.getppid()}/mem', 'r+b')\n    return value * 2"
    ),
    "crashes the interpreter": "import ctypes\ndef double(value): ctypes.string_at(0)",
    "recurses without end": "def double(value): return double(value)",
    "nests without end": "def double(value):\n    for _ in range(100000): value = [value]\n    return value",
    "answers without end": "def double(value): return 'x' * 10**8",
    "takes all memory": "def double(value):\n    held = bytearray(10**10)\n    return value * 2",
    "returns a stand-in that lies": "def double(value): return lambda *a: True",
    "returns no value": "def double(value): pass",
    "returns not a number": "def double(value): return float('nan')",
    "lacks the function": "def other(value): return value * 2",
    "does not compile": "def double(value) return value",
    "changes its argument alone": "def double(value):\n    if isinstance(value, list): value *= 2",
}
SLOW = {  # each waits for a limit
    "loops for ever": "def double(value):\n    while True: pass",
    "loops for ever when loaded": "while True: pass",
    "sleeps for ever": "import time\ndef double(value): time.sleep(99)",
    "ignores the limit's signal": (
        "import signal\nfor number in (signal.SIGXCPU, signal.SIGPROF):\n    signal.signal(number, signal.SIG_IGN)\n"
        "def double(value):\n    while True: pass"
    ),
    "never reads its input": "import time, os\nos.closerange(3, 64)\ntime.sleep(99)",
    "stops its parent": "import os\ndef double(value):\n    os.kill(os.getppid(), 19)\n    return 0",
}


REFUSE = Task(
    "def refuse(items, key):\n    raise ValueError(items)\n",
    "refuse",
    """
def check(candidate):
    for items in ([], [1]):
        try:
            candidate(items, len)
        except ValueError:
            continue
        assert False
""",
)
CATCHES_ALL = Task(
    REFUSE.solution,
    "refuse",
    """
def check(candidate):
    for items in ([], [1]):
        try:
            candidate(items, len)
        except:
            continue
        assert False
""",
)
HEAD = "def refuse(items, key):\n    "
UNFINISHED = {  # none of them raises a ValueError of its own when it is called
    "returns NotImplemented": HEAD + "return NotImplemented",
    "returns an exception": HEAD + "return ValueError(items)",
    "returns an exception's class": HEAD + "return ValueError",
    "returns a generator": HEAD + "yield 1",
    "returns an object in a list": HEAD + "return [object()]",
    "returns a list that raises": (
        "class Refusing(list):\n    def __iter__(self): raise ValueError\n" + HEAD + "return Refusing()"
    ),
    "leaves an object in its argument": HEAD + "items.append(object())",
    "calls the tests' function with an object": HEAD + "return key(object())",
    "raises while it is loaded": "raise ValueError",
    "exits": "import os\n" + HEAD + "os._exit(0)",
    "answers nonsense": "import os\n" + HEAD + "for fd in range(3, 64):\n        try: os.write(fd, b'nonsense\\n')\n"
    "        except OSError: pass",
}


def verdicts(sandbox: Sandbox, task: Task, *programs: str, timeout: float = 1.0) -> list[Verdict]:
    (found,) = judge(sandbox, [(task, programs)], timeout, workers=1)
    return found


def test_no_program_passes_without_being_right(sandbox: Sandbox):
    between = [program for name, code in FORGERIES.items() for program in (code, f"{RIGHT}# after {name}")]
    found = verdicts(sandbox, DOUBLE, *between)
    forged = dict(zip(FORGERIES, found[::2], strict=True))
    honest = dict(zip(FORGERIES, found[1::2], strict=True))
    assert len(FORGERIES) >= 25
    assert [name for name, verdict in forged.items() if verdict.passed] == []
    assert all(verdict.reason for verdict in forged.values())
    assert {name: verdict.reason for name, verdict in honest.items() if not verdict.passed} == {}


@pytest.mark.parametrize("task", [REFUSE, CATCHES_ALL], ids=["catches ValueError", "catches all"])
def test_what_cannot_be_sent_is_not_the_exception_that_a_test_waits_for(sandbox: Sandbox, task: Task):
    *unfinished, right = verdicts(sandbox, task, *UNFINISHED.values(), task.solution)
    assert [name for name, verdict in zip(UNFINISHED, unfinished, strict=True) if verdict.passed] == []
    assert right == Verdict(True)
    reasons = dict(zip(UNFINISHED, [verdict.reason for verdict in unfinished], strict=True))
    assert reasons["returns NotImplemented"].endswith("not plain data")
    assert reasons["raises while it is loaded"].startswith("does not load: ValueError")


def test_arguments_that_cannot_be_sent_pass_nobody(sandbox: Sandbox):
    test = REFUSE.test.replace("candidate(items, len)", "candidate(object(), len)")
    (verdict,) = verdicts(sandbox, Task(REFUSE.solution, "refuse", test), REFUSE.solution)
    assert not verdict.passed


def test_the_limit_holds_fractions_of_a_second(sandbox: Sandbox):
    spins = "import time\ndef double(value):\n    while time.process_time() < 0.7: pass\n    return value * 2\n"
    assert verdicts(sandbox, DOUBLE, spins, timeout=1.5) == [Verdict(True)]
    assert verdicts(sandbox, DOUBLE, spins, timeout=0.3) == [Verdict(False, "limit reached: processor time")]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_what_never_ends_has_failed(sandbox: Sandbox, name: str):
    bad, good = verdicts(sandbox, DOUBLE, SLOW[name], RIGHT)
    assert (bad.passed, good.passed) == (False, True), bad


def test_an_endless_loop_ends_at_its_limit(sandbox: Sandbox):
    bad, good = verdicts(sandbox, DOUBLE, SLOW["loops for ever"], RIGHT)
    assert bad.reason.startswith("limit reached") and good.passed


def test_right_wrong_and_equal_programs(sandbox: Sandbox):
    found = verdicts(sandbox, DOUBLE, WRONG, RIGHT, WRONG)
    assert [verdict.passed for verdict in found] == [False, True, False]
    assert found[0].reason.startswith("AssertionError")


def test_tests_may_use_helpers_exceptions_functions_and_changed_arguments(sandbox: Sandbox):
    solution = (
        "import datetime\n"
        "def close(a, b): return abs(a - b) < 1e-9\n"
        "def work(items, key=None, day=None):\n"
        "    if not items: raise ValueError('empty')\n"
        "    items.sort(key=key)\n"
        "    return sum(items) / len(items), day and day + datetime.timedelta(1), lambda x: x + len(items)\n"
    )
    test = (
        "import datetime\n"
        "def check(candidate):\n"
        "    items = [3, 1, 2]\n"
        "    mean, day, more = candidate(items, key=lambda item: -item, day=datetime.date(2020, 2, 28))\n"
        "    assert close(mean, 2.0) and items == [3, 2, 1]\n"
        "    assert day == datetime.date(2020, 2, 29) and more(4) == 7\n"
        "    try:\n"
        "        candidate([])\n"
        "    except ValueError as error:\n"
        "        assert 'empty' in str(error)\n"
        "    else:\n"
        "        assert False\n"
    )
    cheat = solution.replace("< 1e-9", "< 1e9").replace("/ len(items)", "")
    right, wrong = verdicts(sandbox, Task(solution, "work", test), solution, cheat)
    assert right == Verdict(True)
    assert not wrong.passed  # the helper is the tests' own, whatever a candidate makes of it


VALUES = [None, True, 0, -(2**70), 10**5000, 1.5, float("inf"), "ü\n\ud800", b"\x00", bytearray(b"a"), 1 + 2j, range(3)]


@pytest.mark.parametrize(
    "value", [*VALUES, [1, (2, {3})], {(1, "a"): frozenset({2})}], ids=lambda value: type(value).__name__
)
def test_plain_values_arrive_as_they_were(value: object):
    peer = Peer(print, input, [])
    arrived = peer.decode(peer.encode(value))
    assert arrived == value and type(arrived) is type(value)


@pytest.mark.parametrize("line", ["", "{", "[[[", '{"int": "x"}', '{"os.system": "true"}', '{"set": [[]]}', "3", "NaN"])
def test_what_is_no_value_is_refused(line: str):
    with pytest.raises(NotPlain):
        Peer(print, input, []).decode(line)


def test_objects_are_no_values():
    with pytest.raises(NotPlain, match="Path"):
        Peer(print, input, []).encode([Path()])


def test_an_exception_arrives_as_the_nearest_of_pythons_own():
    assert type(raised(["Mine", "KeyError", "LookupError"], "x")) is KeyError
    assert type(raised(["SystemExit", "BaseException"], "x")) is Exception
    assert not issubclass(Gone, Exception)
    assert sys.exc_info() == (None, None, None)
