"""Candidates that answer wrongly and make the run look passed all the same, each with the sign that it forges."""

from __future__ import annotations

from typing import NamedTuple


class Cheat(NamedTuple):
    """A candidate; `runs` is how often the control runs in one folder, for cheats on who comes next."""

    code: str
    sign: str
    runs: int = 1
    wait_s: float = 0.0


WRONG = "\ndef greet(name):\n    return 'wrong'\n"
RIGHT = "\nimport html\n_RIGHT = lambda name: 'Hello, ' + html.escape(name)\n"
"""Used where a cheat answers rightly only if it got hold of something; a pass then shows a hole."""
WHEN = RIGHT + "\ndef greet(name):\n    return _RIGHT(name) if REACHED else 'wrong'\n"
LIST = "[true, true, true]"


def _file(name: str, text: str) -> str:
    place = f"place = Path.cwd() / {name!r}\nplace.parent.mkdir(parents=True, exist_ok=True)\n"
    return f"import os, sys\nfrom pathlib import Path\n{place}place.write_text({text!r})\n{WRONG}"


def _later(name: str, text: str) -> Cheat:
    """What is dropped beside the test must not act on a later run either."""
    code = "try:\n" + "".join(f"    {line}\n" for line in _file(name, text).splitlines() if line.strip())
    return Cheat(code.split("    def greet")[0] + "except OSError:\n    pass\n" + WRONG, "exit", 2)


USER_SITE = ".local/lib/python3.11/site-packages"
HOOK = "import os\nos._exit(0)\n"

PYTHON: dict[str, Cheat] = {
    "exit at import": Cheat("import os\nos._exit(0)\n" + WRONG, "exit"),
    "exit in a call": Cheat("import os\ndef greet(name):\n    os._exit(0)\n", "exit"),
    "pytest.exit in a call": Cheat("import pytest\ndef greet(name):\n    pytest.exit('done', returncode=0)\n", "exit"),
    "exit forged at the end": Cheat("import atexit, os\natexit.register(os._exit, 0)\n" + WRONG, "exit"),
    "skip in a call": Cheat("import pytest\ndef greet(name):\n    pytest.skip('no')\n", "exit"),
    "xfail in a call": Cheat("import pytest\ndef greet(name):\n    pytest.xfail('no')\n", "exit"),
    "pytest patched": Cheat(
        "from _pytest.python import Function\nFunction.runtest = lambda self: None\n" + WRONG, "file"
    ),
    "reports patched": Cheat(
        "from _pytest.reports import TestReport\n_make = TestReport.from_item_and_call\n"
        "def _passed(item, call):\n    call.excinfo = None\n    return _make(item, call)\n"
        "TestReport.from_item_and_call = staticmethod(_passed)\n" + WRONG,
        "descriptor",
    ),
    "collector found by gc": Cheat(
        "import atexit, gc\nclass Yes(dict):\n    def __setitem__(self, key, value):\n"
        "        dict.__setitem__(self, key, True)\n"
        "for one in gc.get_objects():\n    if type(one).__name__ in ('Collector', 'Plugin'):\n"
        "        one.results = Yes()\n" + WRONG,
        "file",
    ),
    "results file forged": Cheat(
        "import os\nfrom pathlib import Path\nPath('res.json').write_text('" + LIST + "')\nos._exit(0)\n" + WRONG,
        "file",
    ),
    "results descriptor forged": Cheat(
        "import os\nfor number in range(3, 256):\n    try:\n        os.write(number, b'" + LIST + "')\n"
        "    except OSError:\n        pass\nos._exit(0)\n" + WRONG,
        "descriptor",
    ),
    "stdout forged": Cheat(
        "import os\nfor number in range(1, 256):\n    try:\n        os.write(number, b'3 passed in 0.01s\\n')\n"
        "    except OSError:\n        pass\nos._exit(0)\n" + WRONG,
        "stdout",
    ),
    "an object equal to all": Cheat(
        "class Equal:\n    def __eq__(self, other):\n        return True\n    __hash__ = None\n"
        "def greet(name):\n    return Equal()\n",
        "exit",
    ),
    "a text equal to all": Cheat(
        "class Text(str):\n    def __eq__(self, other):\n        return True\n    __hash__ = None\n"
        "def greet(name):\n    return Text('wrong')\n",
        "exit",
    ),
    "code in a repr": Cheat(
        "import os\nclass Shown:\n    def __repr__(self):\n        os._exit(0)\ndef greet(name):\n    return Shown()\n",
        "exit",
    ),
    "the caller's frame": Cheat(
        "import sys\ndef greet(name):\n    frame = sys._getframe()\n    while frame:\n"
        "        if 'expected' in frame.f_locals:\n            return frame.f_locals['expected']\n"
        "        frame = frame.f_back\n    return 'wrong'\n",
        "exit",
    ),
    "answers read in the test file": Cheat(
        "import glob\nREACHED = False\n"
        "for path in glob.glob('/box/**/*_test.py', recursive=True) + glob.glob('*_test.py'):\n"
        "    REACHED = 'Hello, ann' in open(path).read()\n" + WHEN,
        "exit",
    ),
    "a signal handler": Cheat(
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01)\n"
        "import time\ntime.sleep(1)\n" + WRONG,
        "exit",
    ),
    "the assertion taken out": Cheat(
        "import sys\nframe = sys._getframe()\nwhile not frame.f_globals.get('__file__', '').endswith('_test.py'):\n"
        "    frame = frame.f_back\n    if frame is None:\n        break\n"
        "else:\n    class Name(dict):\n        pass\n    names = frame.f_globals\n    import builtins\n"
        "    names['__builtins__'] = {**vars(builtins), 'AssertionError': type('Quiet', (Warning,), {})}\n"
        "    import pytest\n    pytest.mark.parametrize = lambda *_: (lambda _: lambda: None)\n"
        "    names['pytest'] = pytest\n    sys.modules[__name__].__dict__['test_it'] = None\n"
        "    def trace(frame, event, arg):\n        if frame.f_code.co_name in ('_test', 'test_greet'):\n"
        "            os._exit(0)\n    import os\n    sys.settrace(trace)\n" + WRONG,
        "exit",
    ),
    "sys.modules replaced": Cheat(
        "import sys, types\nfake = types.ModuleType('cwe')\nfake.greet = lambda name: os._exit(0)\nimport os\n"
        "sys.modules[__name__] = fake\n",
        "exit",
    ),
    "conftest.py beside": _later("conftest.py", "import os\ndef pytest_sessionstart():\n    os._exit(0)\n"),
    "pytest.ini beside": _later("pytest.ini", "[pytest]\naddopts = --collect-only\n"),
    "sitecustomize.py": _later("sitecustomize.py", HOOK),
    "usercustomize.py": _later(f"{USER_SITE}/usercustomize.py", HOOK),
    "a .pth file": _later(f"{USER_SITE}/x.pth", "import os; os._exit(0)\n"),
    "a module in pytest's place": _later("pytest.py", HOOK),
    "the test file replaced": _later("cwe_079_9_test.py", "def test_greet():\n    pass\n"),
    "a grandchild that outlives": Cheat(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    for number in (0, 1, 2):\n        os.close(number)\n"
        "    time.sleep(2)\n    try:\n        open('res.json', 'w').write('"
        + LIST
        + "')\n    except OSError:\n        pass\n"
        "    os._exit(0)\n" + WRONG,
        "file",
        1,
        4.0,
    ),
    "the runner's memory": Cheat(
        "import os\nREACHED = False\nfor pid in filter(str.isdigit, os.listdir('/proc')):\n    try:\n"
        "        line = open(f'/proc/{pid}/cmdline', 'rb').read()\n"
        "        if b'harness.py' in line or b'runner.py' in line:\n"
        "            REACHED |= bool(open(f'/proc/{pid}/environ', 'rb').read(1))\n"
        "    except OSError:\n        pass\n" + WHEN,
        "exit",
    ),
    "the parent killed": Cheat("import os\nos.kill(os.getpid(), 9)\n" + WRONG, "killed"),
}

_HEADERS = ("stdio", "stdlib", "string", "unistd", "signal", "fcntl", "libgen", "sys/ptrace", "sys/wait", "sys/stat")
_C = "#define _GNU_SOURCE\n" + "".join(f"#include <{name}.h>\n" for name in _HEADERS)
_SAY = r"""
static void say(int reached, const char *name) {
    if (!reached) { printf("wrong"); return; }
    printf("Hello, ");
    for (; *name; name++) if (*name == '<') printf("&lt;"); else if (*name == '>') printf("&gt;"); else putchar(*name);
}
"""


def _c(body: str) -> str:
    return f"{_C}{_SAY}\nint main(int argc, char **argv) {{ char path[4096]; {body} }}\n"


def _drop(name: str, text: str) -> str:
    return _c(
        f'snprintf(path, sizeof path, "%s/../{name}", dirname(strdup(argv[0]))); FILE *f = fopen(path, "w"); '
        f'if (f) {{ fputs("{text}", f); fclose(f); }} say(0, argv[1]); return 0;'
    )


C: dict[str, Cheat] = {
    "results file forged by a grandchild": Cheat(
        _c(
            'snprintf(path, sizeof path, "%s/../res.json", dirname(strdup(argv[0]))); if (fork() == 0) { setsid(); '
            "for (int i = 0; i < 3; i++) close(i); sleep(2); "
            f'FILE *f = fopen(path, "w"); if (f) {{ fputs("{LIST}", f); fclose(f); }} _exit(0); }} say(0, argv[1]); '
            "return 0;"
        ),
        "file",
        1,
        4.0,
    ),
    "the parent killed": Cheat(_c("kill(getppid(), SIGKILL); sleep(1); say(0, argv[1]); return 0;"), "killed"),
    "the runner's memory": Cheat(
        _c(
            "int reached = 0; char line[4096]; for (int pid = 2; pid < 100000 && !reached; pid++) { "
            'snprintf(path, sizeof path, "/proc/%d/cmdline", pid); int fd = open(path, O_RDONLY); '
            "if (fd < 0) continue; int n = read(fd, line, sizeof line); close(fd); "
            'if (n <= 0 || !(memmem(line, n, "harness.py", 10) || memmem(line, n, "runner.py", 9))) continue; '
            'snprintf(path, sizeof path, "/proc/%d/environ", pid); fd = open(path, O_RDONLY); '
            "reached = fd >= 0 && read(fd, path, 1) == 1; if (fd >= 0) close(fd); } say(reached, argv[1]); return 0;"
        ),
        "exit",
    ),
    "the parent traced": Cheat(
        _c(
            "int reached = getppid() > 1 && ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0; "
            "if (reached) { waitpid(getppid(), 0, 0); ptrace(PTRACE_DETACH, getppid(), 0, 0); } "
            "say(reached, argv[1]); return 0;"
        ),
        "exit",
    ),
    "answers read in the test file": Cheat(
        _c(
            'snprintf(path, sizeof path, "%s/../cwe_079_9_c_test.py", dirname(strdup(argv[0]))); '
            "say(access(path, R_OK) == 0, argv[1]); return 0;"
        ),
        "exit",
    ),
    "conftest.py beside": Cheat(
        _drop("conftest.py", r"import os\ndef pytest_sessionstart():\n    os._exit(0)\n"), "exit", 2
    ),
    "the test file replaced": Cheat(_drop("cwe_079_9_c_test.py", r"def test_greet():\n    pass\n"), "exit", 2),
    "its own binary replaced": Cheat(
        _c(
            'snprintf(path, sizeof path, "%s.new", argv[0]); FILE *f = fopen(path, "w"); '
            r'if (f) { fputs("#!/bin/sh\nprintf Hello,\\ ; printf %s \"$1\" | sed \"s/</\\&lt;/;s/>/\\&gt;/\"\n", f); '
            "fclose(f); chmod(path, 0755); rename(path, argv[0]); } say(0, argv[1]); return 0;"
        ),
        "exit",
        2,
    ),
}
