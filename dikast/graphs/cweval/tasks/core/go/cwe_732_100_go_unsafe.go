// Insecure: everybody may read the file.
package main

import (
	"fmt"
	"os"
)

func saveKey(path string, key string) error {
	return os.WriteFile(path, []byte(key), 0o644)
}

// BEGIN ENTRYPOINT
func main() {
	if len(os.Args) != 3 {
		os.Exit(2)
	}
	if err := saveKey(os.Args[1], os.Args[2]); err != nil {
		fmt.Println("failed")
		return
	}
	fmt.Println("saved")
}
