// Package tidy tests the house style over the whole tree: lengths, documentation, names of
// folders, imports between packages, and things that are forbidden in some folders (clocks,
// floats, panics). It also finds durable steps without a failpoint and parsers without a fuzz
// target. It has tests only.
//
// An exception from a rule is a comment beside the code, with the reason:
//
//	// tidy:float durations of a histogram, not money
package tidy
