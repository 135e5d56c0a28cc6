package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// prepareFolder makes the folder for data where it is missing. It refuses a folder that other users can write to: they
// could place a symbolic link there, and the collector would write to the file that the link names. Files of earlier runs
// become readable for their user only.
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
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("list the folder for records: %w", err)
	}
	for _, entry := range entries {
		if isWritten(entry.Name()) {
			if err := makePrivate(filepath.Join(folder, entry.Name()), entry.Type()); err != nil {
				return err
			}
		}
	}
	return nil
}

// isWritten says whether a name is that of a file that a run writes in the folder for data. Storage has folders below it.
func isWritten(name string) bool {
	isRecords, _ := filepath.Match("records*.json", name) // the pattern is well-formed
	return isRecords || name == "podsim.json" || name == "podsim-ca.pem"
}

// makePrivate makes a file readable for its user only, and refuses what is not a regular file.
func makePrivate(path string, kind fs.FileMode) error {
	if !kind.IsRegular() {
		return fmt.Errorf("%s is not a regular file (%v), and the collector would write to where it leads: remove it, "+
			"or name another folder in POD_DATA_DIR", path, kind)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("make an earlier file private: %w", err)
	}
	return nil
}
