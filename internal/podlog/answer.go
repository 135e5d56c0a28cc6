package podlog

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
)

const (
	// maxAnswer bounds what is read of an answer, a proxy's too: net/http takes memory for all the headers that come.
	maxAnswer = 1 << 20
	// maxInterim is how many 1xx answers may come before the answer itself, and maxInterimBytes how long they are in all.
	maxInterim      = 10
	maxInterimBytes = 64 << 10
)

var (
	errLongAnswer  = errors.New("an answer of more than 1 MiB")
	errManyInterim = errors.New("more than 10 answers with 1xx, or 64 KiB of them, before the answer itself")
)

// readAnswer returns the head of the answer to a request, up to its empty line. It skips the 1xx answers before it (RFC
// 9110, 15.2); 101 is the answer itself. If in ends early, readAnswer returns what came, and the next read from in fails.
func readAnswer(in *bufio.Reader) ([]byte, error) {
	left := maxInterimBytes
	for n := 0; ; n++ {
		head, err := readHead(in, left)
		if err != nil || !isInterim(head) {
			return head, err
		}
		if left -= len(head); n == maxInterim {
			return nil, errManyInterim
		}
	}
}

// readHead returns the head of the next answer, of which a 1xx one may have up to interim bytes. What is no answer ends
// with its first line: whoever parses it says so, and need not wait for more.
func readHead(in *bufio.Reader, interim int) ([]byte, error) {
	var head []byte
	for {
		line, err := in.ReadSlice('\n')
		head = append(head, line...)
		switch {
		case isInterim(head) && len(head) > interim:
			return nil, errManyInterim
		case len(head) > maxAnswer:
			return nil, errLongAnswer
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil, !bytes.HasPrefix(head, []byte("HTTP/")),
			bytes.HasSuffix(head, []byte("\n\n")), bytes.HasSuffix(head, []byte("\n\r\n")):
			return head, nil //nolint:nilerr // the next read has it again
		}
	}
}

// isInterim says whether an answer, of which head is at least the status line, has another behind it.
func isInterim(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	version, status, _ := strings.Cut(string(line[:min(len(line), len("HTTP/1.1 100 "))]), " ")
	status = strings.TrimSpace(status)
	return strings.HasPrefix(version, "HTTP/1.") && len(status) == 3 && status[0] == '1' && status != "101"
}

// withoutClose returns the head of an answer without the option `close` of its header `Connection`. net/http, with
// which gorilla reads the answer, removes all options together with that one, also `Upgrade`, without which an answer
// opens no session. A WebSocket ends with its connection anyway.
func withoutClose(head []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(head) {
		name, value, found := strings.Cut(string(line), ":")
		if !found || !strings.EqualFold(name, "Connection") {
			kept = append(kept, line...)
			continue
		}
		options := slices.DeleteFunc(strings.Split(value, ","), func(option string) bool {
			return strings.EqualFold(strings.TrimSpace(option), "close")
		})
		kept = append(kept, name+": "+strings.TrimSpace(strings.Join(options, ","))+"\r\n"...)
	}
	return kept
}
