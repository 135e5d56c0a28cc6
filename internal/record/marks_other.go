//go:build !amd64

package record

// markBlocks writes the marks of all whole blocks of a text to dst, eight bytes for each, which dst must have. high is
// not zero if one of them has a byte of 0x80 or above.
func markBlocks(dst []byte, text string) (high uint64) { return markBlocksPortably(dst, text) }
