// Package record turns the frames of the PoD Log Service into records, and records into pdata logs. It knows no
// sockets: a frame is a slice of bytes, however it arrived.
//
// # From a frame to records
//
// The service sends one JSON object in each frame. [Splitter] is ready for everything else as well, and throws nothing
// away: what is no clean record is a record with a [Problem]. What counts is the content, not the opcode of the frame.
//
//   - A frame that is empty or blank holds no record.
//   - A frame that is one JSON object is one record. Its body is the frame, byte for byte; only a trailing newline (LF
//     or CRLF) is trimmed. The object may span lines.
//   - A frame of several objects, each beginning on a line of its own, is one record for each. They may span lines too.
//     The body of a record is its lines, byte for byte, without the newline at the end; blank lines are dropped.
//   - Otherwise, if at least one line by itself is an object, each line that is not blank is a record: clean if it is
//     an object, [InvalidJSON] if not.
//   - Otherwise the frame is one record, [InvalidJSON]. An array, a number or a text is not a record of the service.
//
// A frame that was cut for its length ends with a record that is [Truncated]: the piece up to the cut. What stands
// before that piece is split by the rules above. If nothing but blanks follows a complete object, that object is the
// last piece: nobody knows what the cut removed, and the mark is how the loss is counted. If the cut fell inside a
// UTF-8 rune, the up to three bytes of that rune are dropped, so that the piece stays text.
//
// A frame is split in portions. The splitter first scans it, and builds no record, to see which of these it is; a frame of
// several records is scanned twice. While it is split, it takes at most 1.2 times its length in memory: a copy, and a bit
// and a quarter for each byte. The records of a portion come on top, and the text of those of a long frame is copied again, so that none
// of them keeps the frame.
//
// JSON is RFC 8259, exactly as [encoding/json.Valid] has it, but of any depth; and it is valid UTF-8. A record that is
// not valid UTF-8 has a problem, and its body becomes bytes, since a pdata string must be UTF-8.
//
// # The timestamp
//
// The timestamp is that of the key `ts` on the top level, wherever it stands: `2020-11-05T12:59:24.904391+0100`. The
// last of several wins. It is unset where there is none, where it is not understood, and on records that are
// [InvalidJSON]. A [Truncated] record has the `ts` that stands in full before the cut.
//
// # The identity
//
// Message and audit records are known by `guid` and the instant in `ts`, maillog records by `id` and that instant: lines
// of different times can have one `id`. A record without one of the two, or with a problem, is known by its bytes.
//
// # From records to logs
//
// [Format] says how records look as pdata: the body as text or as a map, the attributes that a SIEM looks for on the
// record or on the resource, the problem as the attribute `proofpointpod.problem`.
package record
