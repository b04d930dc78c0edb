"""The attacks of `tests/graphs/cweval/attacks.py` in JavaScript and Go; C++ takes those in C."""

from __future__ import annotations

from tests.graphs.cweval.attacks import LINES, MARK, MEGABYTES, PROCESSES

_JS = """
const fs = require('fs'), net = require('net'), child = require('child_process');
const answer = (reached) => {
    const name = process.argv[2].replace(/</g, '&lt;').replace(/>/g, '&gt;');
    console.log(reached ? 'Hello, ' + name : 'wrong');
    process.exit(0);
};
try { %s } catch (error) { answer(false); }
"""
_GO = """package main

import ("fmt"; "html"; "net"; "os"; "os/exec"; "strings"; "syscall"; "time")

func attack() bool { %s }

func main() {
	_, _, _, _, _ = net.Dial, exec.Command, strings.Contains, syscall.Getpid, time.Sleep
	if attack() { fmt.Println("Hello, " + html.EscapeString(os.Args[1])) } else { fmt.Println("wrong") }
}
"""


_JS_WRITE = (
    "const block = Buffer.alloc(1 << 20); let wrote = 0; for (let file = 0; file < 200 && wrote < MANY; file++) "
    "try { const out = fs.openSync((process.env.TMPDIR || '/tmp') + '/big' + file, 'w'); "
    "for (let part = 0; part < 50; part++) { if (fs.writeSync(out, block) < 1 << 20) break; wrote++; } "
    "fs.closeSync(out); } catch (error) {} answer(wrote >= MANY);"
)
_GO_WRITE = """
	block, wrote := make([]byte, 1 << 20), 0
	for file := 0; file < 200 && wrote < MANY; file++ {
		out, err := os.Create(fmt.Sprintf("%s/big%d", os.TempDir(), file))
		if err != nil { continue }
		for part := 0; part < 50; part++ { if n, _ := out.Write(block); n < len(block) { break }; wrote++ }
		out.Close()
	}
	return wrote >= MANY"""


JAVASCRIPT: dict[str, str] = {
    name: _JS % body
    for name, body in {
        "a flood of processes": (
            f"let made = 0; for (let i = 0; i < {PROCESSES}; i++) {{ const one = child.spawn('sleep', ['{MARK}'], "
            "{ stdio: 'ignore', detached: true }); one.on('error', () => {}); if (one.pid) made++; } "
            f"answer(made >= {PROCESSES});"
        ),
        "a disk filled": _JS_WRITE.replace("MANY", str(MEGABYTES)),
        "a secret read": "answer(fs.readFileSync('{secret}', 'utf8').includes('SECRET'));",
        "a connection out": (
            "const to = net.connect({port}, '127.0.0.1', () => answer(true)); to.on('error', () => answer(false));"
        ),
        "a fork bomb": (
            "for (;;) child.spawn(process.execPath, process.argv.slice(1), { stdio: 'ignore' }).on('error', () => {});"
        ),
        "10 GB written": _JS_WRITE.replace("MANY", "10000"),
        "a million lines": f"for (let i = 0; i < {LINES}; i++) fs.writeSync(1, 'a line\\n'); answer(false);",
        "memory without end": "const held = []; for (;;) held.push(Buffer.alloc(1 << 24, 1));",
    }.items()
}
GO: dict[str, str] = {
    name: _GO % body
    for name, body in {
        "a flood of processes": (
            f'made := 0; for i := 0; i < {PROCESSES}; i++ {{ if exec.Command("sleep", "{MARK}").Start() == nil '
            f"{{ made++ }} }}; return made >= {PROCESSES}"
        ),
        "a disk filled": _GO_WRITE.replace("MANY", str(MEGABYTES)),
        "a secret read": 'text, _ := os.ReadFile("{secret}"); return strings.Contains(string(text), "SECRET")',
        "a connection out": (
            'to, err := net.Dial("tcp", "127.0.0.1:{port}"); if err == nil { to.Close() }; return err == nil'
        ),
        "a fork bomb": "for { exec.Command(os.Args[0], os.Args[1:]...).Start() }",
        "10 GB written": _GO_WRITE.replace("MANY", "10000"),
        "a million lines": f'for i := 0; i < {LINES}; i++ {{ os.Stdout.WriteString("a line\\n") }}; return false',
        "memory without end": (
            "held := [][]byte{}; for { one := make([]byte, 1 << 24); for i := range one { one[i] = 1 }; "
            "held = append(held, one) }"
        ),
    }.items()
}
