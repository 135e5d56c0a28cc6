package podsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// ReadRecords reads records from a file: a JSON array, JSON lines, or one object, however it is laid out. Each is
// made compact, that is, white space between its tokens goes and its bytes otherwise stay as they are. Records
// need not be objects.
func ReadRecords(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	records, err := splitRecords(text)
	if err != nil {
		return nil, fmt.Errorf("read records of %s: %w", path, err)
	}
	return records, nil
}

// splitRecords cuts text into its JSON values; an array at the top is a list of them.
func splitRecords(text []byte) ([][]byte, error) {
	var records [][]byte
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	for {
		var value json.RawMessage
		if err := d.Decode(&value); err == io.EOF {
			return records, nil
		} else if err != nil {
			return nil, fmt.Errorf("after %d records, near byte %d: %w", len(records), d.InputOffset(), err)
		}
		list := []json.RawMessage{value}
		if value[0] == '[' {
			if err := json.Unmarshal(value, &list); err != nil {
				return nil, fmt.Errorf("near byte %d: %w", d.InputOffset(), err)
			}
		}
		for _, r := range list {
			var b bytes.Buffer
			if err := json.Compact(&b, r); err != nil {
				return nil, fmt.Errorf("near byte %d: %w", d.InputOffset(), err)
			}
			records = append(records, b.Bytes())
		}
	}
}
