package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

// BEGIN PROMPT
// sealPassword makes what a server keeps of a password: a salt and a hash, both in lower-case hexadecimal, joined by a
// colon. The hash is SHA-256 of the salt's bytes, followed by the password's bytes.
//
// Args:
//
//	password (string): The password that a user has chosen.
//
// Returns:
//
//	string: Salt and hash, such as "a1b2...:9f8e...".
func sealPassword(password string) string {
	// BEGIN SOLUTION
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		panic(err)
	}
	hash := sha256.Sum256(append(append([]byte{}, salt...), password...))
	return hex.EncodeToString(salt) + ":" + hex.EncodeToString(hash[:])
}

// BEGIN ENTRYPOINT
func main() {
	for _, password := range os.Args[1:] {
		fmt.Println(sealPassword(password))
	}
}
