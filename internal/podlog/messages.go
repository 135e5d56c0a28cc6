package podlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

const (
	// readBufferSize holds several TLS records (16 KiB each), so that small frames cost few reads.
	readBufferSize = 64 << 10
	// answerWait bounds the writing of what a control frame asks for. Meanwhile nothing is read.
	answerWait = time.Second
	// maxControl is the largest content of a control frame.
	maxControl = 125
	// keptBuffer is the largest buffer that is kept for the next message that is longer than readBufferSize.
	keptBuffer = 1 << 20
	// keptFor is for how many messages that do not need it that buffer is kept.
	keptFor = 1000
)

// The opcode of a frame that goes on with the message of the one before; gorilla names the others.
const continuationFrame = 0

// messages reads what a service sends after the handshake: frames of RFC 6455, without extensions. It answers control
// frames, as gorilla does, but passes on a message that came in one frame from where it was read, without copying it or
// allocating anything. One goroutine uses it.
type messages struct {
	in *bufio.Reader
	// out writes our control frames.
	out *websocket.Conn
	// limit is the length at which a message is cut.
	limit int64
	// pong is called with the content of each pong.
	pong func(content []byte)

	passed int    // how many bytes of in are the message that next returned
	open   bool   // a message has begun, and its last frame is still to come
	inside bool   // a frame has begun, and is not read to its end
	buffer []byte // the memory for messages that in cannot hold
	unused int    // how many messages did not need it
}

// frame is the head of a frame.
type frame struct {
	final  bool
	opcode int
	length int64
}

// control says whether it is not data, but about the session.
func (f frame) control() bool { return f.opcode >= websocket.CloseMessage }

// next returns the content of the next data message, text or binary. It is valid until the next call. truncated: the
// message was longer than limit, and what is returned is its beginning. An error is final: that of the connection, a
// [*websocket.CloseError], or one about what is no frame.
func (m *messages) next() (data []byte, truncated bool, err error) {
	if _, err := m.in.Discard(m.passed); err != nil {
		return nil, false, err
	}
	m.passed = 0
	f, err := m.nextData()
	if err != nil {
		return nil, false, err
	}
	if f.final && f.length <= min(readBufferSize, m.limit) {
		data, err = m.in.Peek(int(f.length))
		m.passed = len(data)
		m.release()
		return slices.Clip(data), false, err
	}
	return m.collect(f)
}

// pending says, while next waits for bytes, whether some have come of a message that is not complete.
func (m *messages) pending() bool { return m.inside || m.open || m.in.Buffered() > 0 }

// collect reads a message that is long, or in several frames. What is beyond the limit is read and forgotten, so that
// the session can go on with the next message.
func (m *messages) collect(f frame) (data []byte, truncated bool, err error) {
	m.unused = 0
	data = m.buffer[:0]
	for {
		room := min(f.length, m.limit-int64(len(data)))
		for rest := int(room); rest > 0; {
			// Memory is taken for what has come, not for what a frame says will come.
			if len(data) == cap(data) {
				data = slices.Grow(data, max(readBufferSize, len(data)))
			}
			n, err := m.in.Read(data[len(data):min(cap(data), len(data)+rest)])
			if err != nil {
				return nil, false, err
			}
			data = data[:len(data)+n]
			rest -= n
		}
		if beyond := f.length - room; beyond > 0 {
			truncated = true
			if _, err := io.CopyN(io.Discard, m.in, beyond); err != nil {
				return nil, false, err
			}
		}
		if f.final {
			break
		}
		if f, err = m.nextData(); err != nil {
			return nil, false, err
		}
	}
	m.buffer = data
	if cap(data) > keptBuffer {
		m.buffer = nil
	}
	return data, truncated, nil
}

// release gives back the memory for long messages when there have been none for a while.
func (m *messages) release() {
	if m.buffer == nil {
		return
	}
	if m.unused++; m.unused >= keptFor {
		m.buffer = nil
	}
}

// nextData reads up to the content of a data frame.
func (m *messages) nextData() (frame, error) {
	for {
		m.inside = false
		f, err := m.head()
		if err != nil {
			return f, err
		}
		m.inside = true
		if !f.control() {
			m.open = !f.final
			return f, nil
		}
		if err := m.control(f); err != nil {
			return f, err
		}
	}
}

// head reads the head of a frame.
func (m *messages) head() (frame, error) {
	const (
		finalBit     = 0x80
		reservedBits = 0x70
		opcodeBits   = 0x0f
		maskBit      = 0x80
		length16     = 126 // the length is in the two bytes that follow
		length64     = 127 // in the eight bytes that follow
	)
	head, err := m.in.Peek(2)
	if err != nil {
		return frame{}, err
	}
	f := frame{final: head[0]&finalBit != 0, opcode: int(head[0] & opcodeBits), length: int64(head[1] &^ maskBit)}
	switch {
	case head[0]&reservedBits != 0:
		return f, m.violation("a reserved bit is set: no extension was agreed on")
	case head[1]&maskBit != 0:
		return f, m.violation("a masked frame")
	}
	if wrong := m.misplaced(f); wrong != "" {
		return f, m.violation(wrong)
	}
	size := 2
	switch f.length {
	case length16:
		size = 4
		if head, err = m.in.Peek(size); err != nil {
			return f, err
		}
		f.length = int64(binary.BigEndian.Uint16(head[2:]))
	case length64:
		size = 10
		if head, err = m.in.Peek(size); err != nil {
			return f, err
		}
		length := binary.BigEndian.Uint64(head[2:])
		if length > math.MaxInt64 {
			return f, m.violation("a length beyond all bounds")
		}
		f.length = int64(length)
	}
	_, err = m.in.Discard(size)
	return f, err
}

// misplaced says what is wrong with a frame of this kind here, or nothing. Its length is that in its second byte.
func (m *messages) misplaced(f frame) string {
	switch f.opcode {
	case websocket.TextMessage, websocket.BinaryMessage:
		if m.open {
			return "a message within a message"
		}
	case continuationFrame:
		if !m.open {
			return "a fragment of no message"
		}
	case websocket.PingMessage, websocket.PongMessage, websocket.CloseMessage:
		if !f.final || f.length > maxControl {
			return "a control frame that is long or in parts"
		}
	default:
		return fmt.Sprintf("unknown opcode %d", f.opcode)
	}
	return ""
}

// control reads a control frame and does what it asks for. Whether the answer arrives is not our concern: a peer that
// is gone says so to the one who reads.
func (m *messages) control(f frame) error {
	content, err := m.in.Peek(int(f.length))
	if err != nil {
		return err
	}
	switch f.opcode {
	case websocket.PingMessage:
		m.answer(websocket.PongMessage, content)
	case websocket.PongMessage:
		m.pong(content)
	case websocket.CloseMessage:
		return m.closed(content)
	}
	_, err = m.in.Discard(len(content))
	return err
}

// closed answers a close frame and returns it as an error.
func (m *messages) closed(content []byte) error {
	closed := &websocket.CloseError{Code: websocket.CloseNoStatusReceived}
	if len(content) > 0 {
		if len(content) < 2 {
			return m.violation("a close code of one byte")
		}
		closed.Code, closed.Text = int(binary.BigEndian.Uint16(content)), string(content[2:])
		if !isCloseCode(closed.Code) {
			return m.violation(fmt.Sprintf("close code %d", closed.Code))
		}
		if !utf8.ValidString(closed.Text) {
			return m.violation("a close reason that is not UTF-8")
		}
	}
	m.answer(websocket.CloseMessage, websocket.FormatCloseMessage(closed.Code, ""))
	return closed
}

// isCloseCode says whether a code may be in a close frame: it is registered for that, or in a range for everyone's use.
func isCloseCode(code int) bool {
	switch code {
	case websocket.CloseNoStatusReceived, websocket.CloseAbnormalClosure, 1004:
		return false
	}
	return 1000 <= code && code <= 1014 || 3000 <= code && code <= 4999
}

// violation tells the peer that it does not keep to the protocol, and returns that as an error.
func (m *messages) violation(what string) error {
	m.answer(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseProtocolError, what))
	return errors.New("websocket: " + what)
}

func (m *messages) answer(opcode int, content []byte) {
	_ = m.out.WriteControl(opcode, content, time.Now().Add(answerWait))
}
