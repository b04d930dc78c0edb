// Insecure: the salt follows from the password, so that equal passwords have equal hashes.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

func sealPassword(password string) string {
	whole := sha256.Sum256([]byte(password))
	salt := whole[:16]
	hash := sha256.Sum256(append(append([]byte{}, salt...), password...))
	return hex.EncodeToString(salt) + ":" + hex.EncodeToString(hash[:])
}

// BEGIN ENTRYPOINT
func main() {
	for _, password := range os.Args[1:] {
		fmt.Println(sealPassword(password))
	}
}
