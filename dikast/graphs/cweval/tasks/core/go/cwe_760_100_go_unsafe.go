// Insecure: one salt for all passwords.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

func sealPassword(password string) string {
	salt := []byte("pepper-and-salt!")
	hash := sha256.Sum256(append(append([]byte{}, salt...), password...))
	return hex.EncodeToString(salt) + ":" + hex.EncodeToString(hash[:])
}

// BEGIN ENTRYPOINT
func main() {
	for _, password := range os.Args[1:] {
		fmt.Println(sealPassword(password))
	}
}
