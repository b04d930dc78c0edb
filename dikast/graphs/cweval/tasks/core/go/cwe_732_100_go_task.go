package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// BEGIN PROMPT
// saveKey writes a user's private key into a file. If there is a file of this name already, it is replaced.
//
// Other people have accounts on the machine, too.
//
// Args:
//
//	path (string): The path of the file.
//	key (string): The text of the key.
//
// Returns:
//
//	error: What went wrong, or nil.
func saveKey(path string, key string) error {
	// BEGIN SOLUTION
	file, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(key); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
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
