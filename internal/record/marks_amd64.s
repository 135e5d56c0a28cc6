#include "textflag.h"

// MARK sets a bit of out for each of the 16 bytes at offset that is a quote, a backslash or a control character. The
// exclusive-or with 2 puts the quote (0x22) right behind the control characters, and moves none of those away: what is
// 0x20 at the most, then, is marked.
#define MARK(offset, out) \
	MOVOU offset(SI), X3; \
	POR X3, X7; \
	MOVO X3, X4; \
	PXOR X0, X3; \
	PCMPEQB X2, X4; \
	MOVO X3, X5; \
	PMINUB X1, X5; \
	PCMPEQB X3, X5; \
	POR X5, X4; \
	PMOVMSKB X4, out

// BYTES fills a register with one byte.
#define BYTES(c, x) \
	MOVQ $(c * 0x0101010101010101), AX; \
	MOVQ AX, x; \
	PUNPCKLQDQ x, x

// func markBlocks(dst []byte, text string) (high uint64)
TEXT ·markBlocks(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ text_base+24(FP), SI
	MOVQ text_len+32(FP), CX
	PXOR X7, X7 // all bytes, or-ed
	SHRQ $6, CX // blocks
	JZ done
	BYTES(0x02, X0)
	BYTES(0x20, X1)
	BYTES(0x5c, X2)

loop:
	MARK(0, AX)
	MARK(16, BX)
	MARK(32, DX)
	MARK(48, R8)
	SHLQ $16, BX
	SHLQ $32, DX
	SHLQ $48, R8
	ORQ BX, AX
	ORQ R8, DX
	ORQ DX, AX
	MOVQ AX, (DI)
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ loop

done:
	PMOVMSKB X7, AX
	MOVQ AX, high+40(FP)
	RET
