//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// privateFolder is a folder of this user alone, whatever the umask is.
func privateFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(folder, 0o700))
	return folder
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestPrepareFolder_makesItPrivate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, prepareFolder(folder))
	assert.Equal(t, os.FileMode(0o700), mode(t, folder))
	require.NoError(t, prepareFolder(folder), "it is there already")
}

// The file exporter gives its files the mode 0644, so it is the folder that keeps them from others.
func TestPrepareFolder_makesAnEarlierFolderPrivate(t *testing.T) {
	for _, earlier := range []os.FileMode{0o755, 0o750, 0o701} {
		folder := privateFolder(t)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "records.json"), nil, 0o600))
		require.NoError(t, os.Chmod(folder, earlier))
		require.NoError(t, prepareFolder(folder))
		assert.Equal(t, os.FileMode(0o700), mode(t, folder))
	}
}

func TestPrepareFolder_refusesOneThatOthersCanWriteTo(t *testing.T) {
	for _, open := range []os.FileMode{0o777, 0o777 | os.ModeSticky, 0o770, 0o702} {
		folder := privateFolder(t)
		require.NoError(t, os.Chmod(folder, open))
		require.ErrorContains(t, prepareFolder(folder), "other users can write to the folder "+folder, "mode %v", open)
	}
}

func TestPrepareFolder_refusesOneOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	folder := privateFolder(t)
	require.NoError(t, os.Chown(folder, 1234, 1234))
	require.ErrorContains(t, prepareFolder(folder), "other users can write to the folder "+folder)
}

func TestPrepareFolder_refusesALinkInPlaceOfAFile(t *testing.T) {
	for _, name := range []string{"records.json", "podsim.json", "podsim-ca.pem"} {
		folder := privateFolder(t)
		target := filepath.Join(t.TempDir(), "passwd")
		for _, there := range []bool{false, true} {
			if there {
				require.NoError(t, os.WriteFile(target, nil, 0o600))
				require.NoError(t, os.Chmod(target, 0o644))
			} else {
				require.NoError(t, os.Symlink(target, filepath.Join(folder, name)))
			}
			require.ErrorContains(t, prepareFolder(folder), filepath.Join(folder, name)+" is not a regular file")
		}
		assert.Equal(t, os.FileMode(0o644), mode(t, target), "what the link names stays as it is")
	}
}
