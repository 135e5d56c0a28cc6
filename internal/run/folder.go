package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// prepareFolder makes the folder for data where it is missing. It refuses a folder that other users can write to: they
// could place a symbolic link there, and the collector would write to the file that the link names. The folder becomes
// this user's alone: the file exporter lets everybody read its files, whatever the umask is.
func prepareFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder for records: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("check the folder for records: %w", err)
	}
	if othersCanWrite(info) {
		return fmt.Errorf("other users can write to the folder %s (%v), and could redirect what is written there: "+
			"make it yours alone (chown, chmod 700), or name another folder in POD_DATA_DIR", folder, info.Mode())
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(folder, 0o700); err != nil {
			return fmt.Errorf("make the folder for records private: %w", err)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("list the folder for records: %w", err)
	}
	for _, entry := range entries {
		if isWritten(entry.Name()) && !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file (%v), and the collector would write to where it leads: remove it, "+
				"or name another folder in POD_DATA_DIR", filepath.Join(folder, entry.Name()), entry.Type())
		}
	}
	return nil
}

// isWritten says whether a name is that of a file that a run writes in the folder for data. Storage has folders below it.
func isWritten(name string) bool {
	isRecords, _ := filepath.Match("records*.json", name) // the pattern is well-formed
	return isRecords || name == "podsim.json" || name == "podsim-ca.pem"
}
