"""What a candidate may try against the machine. Each does the task rightly only if the attack went as far as its dose.

The dose of a control is bounded: 64 processes, 200 MB, a listener on the loopback outside.
"""

from __future__ import annotations

from typing import NamedTuple

MEGABYTES, PROCESSES, LINES = 200, 64, 1_000_000
MARK = "31.4159"
"""Seconds that a flood of processes sleeps: no other process has this on its command line."""


class Attack(NamedTuple):
    """Programs with places for `{secret}` and `{port}`, by language; `lines` is what it prints where that is all."""

    python: str
    c: str


_PY = """
import html, os, signal, socket, subprocess, sys, time
def attack():
{body}
try:
    REACHED = attack()
except BaseException:
    REACHED = False
def greet(name):
    return 'Hello, ' + html.escape(name) if REACHED else 'wrong'
"""
_C = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static char block[1 << 20];
static int attack(void) { %s }
int main(int argc, char **argv) {
    if (!attack()) { printf("wrong"); return 0; }
    printf("Hello, ");
    for (char *c = argv[1]; *c; c++)
        if (*c == '<') printf("&lt;"); else if (*c == '>') printf("&gt;"); else putchar(*c);
    return 0;
}
"""


def _attack(python: str, c: str) -> Attack:
    return Attack(_PY.replace("{body}", "\n".join(f"    {line}" for line in python.splitlines())), _C % c)


_WRITE_C = r"""
long wrote = 0; char path[200];
for (int file = 0; file < 200 && wrote < %d; file++) {
    snprintf(path, sizeof path, "%%s/big%%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", file);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    for (int part = 0; part < 50; part++) {
        if (fd < 0 || write(fd, block, sizeof block) < (long)sizeof block) break;
        wrote++;
    }
    if (fd >= 0) close(fd);
}
return wrote >= %d;
"""
_WRITE_PY = """
wrote = 0
for file in range(200):
    try:
        with open(os.path.join(os.environ.get('TMPDIR', '/tmp'), f'big{{file}}'), 'wb') as out:
            for part in range(50):
                out.write(bytes(1 << 20))
                wrote += 1
                if wrote >= {most}:
                    return True
    except OSError:
        pass
return wrote >= {dose}
"""

ATTACKS: dict[str, Attack] = {
    "a flood of processes": _attack(
        f"made = 0\nfor _ in range({PROCESSES}):\n    try:\n        subprocess.Popen(['sleep', '{MARK}'])\n"
        f"        made += 1\n"
        f"    except OSError:\n        pass\nreturn made >= {PROCESSES}",
        f"int made = 0; for (int i = 0; i < {PROCESSES}; i++) {{ int pid = fork(); "
        f'if (pid == 0) {{ for (int n = 0; n < 3; n++) close(n); execlp("sleep", "sleep", "{MARK}", NULL); _exit(1); }}'
        f"made += pid > 0; }} return made >= {PROCESSES};",
    ),
    "a disk filled": _attack(
        _WRITE_PY.format(most=MEGABYTES, dose=MEGABYTES).strip(), _WRITE_C % (MEGABYTES, MEGABYTES)
    ),
    "a secret read": _attack(
        "return 'SECRET' in open('{secret}').read()",
        'char text[64] = ""; int fd = open("{secret}", O_RDONLY); if (fd < 0) return 0; read(fd, text, 60); '
        'return strstr(text, "SECRET") != NULL;',
    ),
    "a namespace of its own": _attack(
        "import ctypes\nreturn ctypes.CDLL(None).unshare(0x10000000) == 0",
        "return unshare(0x10000000) == 0;",
    ),
    "a connection out": _attack(
        "socket.create_connection(('127.0.0.1', {port}), 2)\nreturn True",
        'struct sockaddr_in to = {AF_INET, htons({port})}; inet_aton("127.0.0.1", &to.sin_addr); '
        "return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to) == 0;",
    ),
}
ENDLESS: dict[str, Attack] = {
    "a fork bomb": _attack(
        "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "while (1) fork(); return 1;",
    ),
    "10 GB written": _attack(_WRITE_PY.format(most=10_000, dose=10_000).strip(), _WRITE_C % (10_000, 10_000)),
    "a million lines": _attack(
        f"for _ in range({LINES}):\n    os.write(1, b'a line\\n')\nreturn False",
        f'for (int i = 0; i < {LINES}; i++) puts("a line"); return 0;',
    ),
    "memory without end": _attack(
        "held = []\nwhile True:\n    held.append(bytearray(os.urandom(1) * (64 << 20)))",
        "while (1) memset(malloc(1 << 24), 1, 1 << 24); return 1;",
    ),
}
"""Attacks with no control: nobody's machine is to bear them."""
