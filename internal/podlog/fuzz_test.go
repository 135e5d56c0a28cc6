package podlog

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// script is a connection with a service that answers the handshake, sends frames right behind the answer, and is gone.
type script struct {
	net.Conn // nil: nothing else is called
	frames   string
	piece    int // how many bytes come at once

	sent  *strings.Reader // nil before the handshake
	heard []byte          // what the client has written, without the handshake once that is whole
}

func (s *script) Write(p []byte) (int, error) {
	s.heard = append(s.heard, p...)
	if s.sent == nil && bytes.HasSuffix(s.heard, []byte("\r\n\r\n")) {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(s.heard)))
		if err != nil {
			return 0, err
		}
		sum := sha1.Sum([]byte(request.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		s.sent = strings.NewReader("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Long: " + strings.Repeat("x", 2*controlBufferSize) + "\r\n" +
			"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n" + s.frames)
		s.heard = nil
	}
	return len(p), nil
}

func (s *script) Read(p []byte) (int, error)       { return s.sent.Read(p[:min(len(p), s.piece)]) }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

func (s *script) dial(context.Context, string, string) (net.Conn, error) { return s, nil }

// answers lists the control frames that the client has written; of a close frame the code only, as the reason is free.
func (s *script) answers() []string {
	var list []string
	for rest := s.heard; len(rest) > 0; {
		mask, length := rest[2:6], int(rest[1]&0x7f) // a client of records writes nothing that is long
		content := bytes.Clone(rest[6 : 6+length])
		for i := range content {
			content[i] ^= mask[i%4]
		}
		if rest[0] == 0x80|websocket.CloseMessage {
			content = content[:min(2, length)]
		}
		list = append(list, fmt.Sprintf("%x %q", rest[0], content))
		rest = rest[6+length:]
	}
	return list
}

// content is that of a message.
type content struct {
	text      string
	truncated bool
}

// readSession reads what the script sends as a session does.
func readSession(t *testing.T, s *script, limit int64) (contents []content, end error) {
	t.Helper()
	client := &Client{
		Endpoint: &url.URL{Scheme: "ws", Host: "service.test"}, HandshakeTimeout: time.Minute, MaxRecordSize: limit, Dial: s.dial,
	}
	session, err := client.Open(t.Context(), t.Context(), Message, nil)
	require.NoError(t, err)
	for {
		data, truncated, err := session.messages.next()
		if err != nil {
			return contents, err
		}
		contents = append(contents, content{string(data), truncated})
	}
}

// readGorilla reads the same by gorilla's own means, which know no cutting.
func readGorilla(t *testing.T, s *script, limit int64) (contents []content, end error) {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: s.dial}
	ws, _, err := dialer.DialContext(t.Context(), "ws://service.test/", nil)
	require.NoError(t, err)
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return contents, err
		}
		contents = append(contents, content{string(data[:min(int64(len(data)), limit)]), int64(len(data)) > limit})
	}
}

// checkMessages checks that a session reads the same messages from the same bytes as gorilla, gives the same answers, and
// says the same of the end.
func checkMessages(t *testing.T, frames string, piece int, limit int64) {
	t.Helper()
	ours, theirs := &script{frames: frames, piece: piece}, &script{frames: frames, piece: piece}
	got, end := readSession(t, ours, limit)
	want, theirEnd := readGorilla(t, theirs, limit)
	require.Equal(t, want, got)

	endOf := func(err error) *Error { return (&Session{}).endError(err) }
	closed := (*websocket.CloseError)(nil)
	switch {
	case errors.Is(theirEnd, websocket.ErrReadLimit):
		// A length of 2^63 bytes or more, also in sum; gorilla does not say goodbye, and we believe a sum.
		assert.Contains(t, []Reason{ReasonProtocol, ReasonDropped}, endOf(end).Reason, end)
	case errors.As(theirEnd, &closed) && closed.Code == websocket.CloseNoStatusReceived && endOf(end).Reason == ReasonProtocol:
		assert.EqualError(t, end, "websocket: a close code of one byte") // which gorilla takes for none
	case theirEnd.Error() == "websocket: bad close code 1014":
		assert.NotEqual(t, "websocket: close code 1014", end.Error()) // registered since; the reason can be wrong
	default:
		assert.Equal(t, endOf(theirEnd).Label(), endOf(end).Label(), "%v, and not %v", end, theirEnd)
		assert.Equal(t, endOf(theirEnd).Body, endOf(end).Body)
		assert.Equal(t, theirs.answers(), ours.answers())
	}
}

// seeds are what a service may send, or should not.
func seeds() []string {
	const (
		hello = "\x81\x05hello"
		ping  = "\x89\x03you"
	)
	return []string{
		"", hello, "\x82\x02\xff\x00", "\x81\x00" + hello, hello + "\x81", hello + "\x81\x7e\x00", hello + "\x81\x7f\x00\x00", "\x81\x05hell",
		"\x01\x03hel\x80\x02lo", "\x01\x00" + ping + "\x00\x01x" + "\x8a\x00" + "\x80\x00" + hello, "\x01\x03hel", "\x01\x03hel\x80\x02l",
		"\x01\x03hel" + ping, "\x01\x03hel" + hello, "\x01\x03hel\x88\x02\x03\xe8", "\x80\x01x", "\x00\x01x", "\x01\x01a\x80\x01b\x80\x01c",
		ping + hello + ping, "\x89\x00", "\x8a\x01x", "\x89\x05half", "\x09\x01x", "\x89\x7e\x00\x03you", "\x8a\x7e\x00\x7e", "\x88\x7f", "\x89\x7d" + strings.Repeat("x", 125),
		"\xc1\x01x", "\xa1\x01x", "\x91\x01x", "\x83\x00", "\x8b\x00", "\x83", "\x81\x85maskhello", "\x89\x80mask", "\xff\xff", "HTTP/1.1 408 Request Timeout\r\n\r\n",
		"\x81\x7e\x00\x05hello" + hello, "\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05hello" + hello, "\x81\x7e\x00\x00" + hello,
		"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xffx", "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xffx", "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
		"\x01\x01x\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xffx", "\x83\x7f", "\x80\x7e",
		"\x88\x00", "\x88\x01x", "\x88\x02\x03\xe8", "\x88\x06\x03\xe9gone", "\x88\x04\x03\xe8\xc3\xa9", "\x88\x03\x03\xe8\xff", "\x88\x02\x03\xe8" + hello,
		"\x88\x02\x03\xec", "\x88\x02\x03\xed", "\x88\x02\x03\xee", "\x88\x02\x03\xf6", "\x88\x03\x03\xf6\xff", "\x88\x02\x03\xf7", "\x88\x02\x00\x00", "\x88\x02\x0b\xb8", "\x88\x02\x13\x87", "\x88\x02\x13\x88", "\x88\x02\x03",
	}
}

// Long messages are the same whatever pieces they come in, and wherever they are cut.
func TestMessages_longOnesAreThoseThatGorillaReads(t *testing.T) {
	const hello, ping = "\x81\x05hello", "\x89\x03you"
	long := func(head byte, length int) string {
		return string(binary.BigEndian.AppendUint64([]byte{head, 127}, uint64(length))) + strings.Repeat("0123456789", length/10+1)[:length]
	}
	for _, frames := range []string{
		long(0x81, 126) + hello, long(0x81, 70_000) + hello, long(0x01, 40_000) + ping + long(0x80, 40_000) + hello,
		long(0x81, readBufferSize) + long(0x81, readBufferSize+1) + hello, long(0x82, 70_000)[:69_000],
	} {
		for _, piece := range []int{999, 1 << 20} {
			for _, limit := range []int64{5, 40_000, 40_001, 1 << 20} {
				checkMessages(t, frames, piece, limit)
			}
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, frames := range seeds() {
		f.Add([]byte(frames), uint8(255), uint16(1000))
		f.Add([]byte(frames), uint8(0), uint16(3))
	}
	f.Fuzz(func(t *testing.T, frames []byte, piece uint8, limit uint16) {
		checkMessages(t, string(frames), int(piece)+1, int64(limit)+1)
	})
}
