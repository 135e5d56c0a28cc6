//go:build !unix

package sourcehealthextension

import "math"

// maxFiles returns how many files the process may open. There is no limit to speak of.
func maxFiles() int { return math.MaxInt32 }
