// Package tidy tests the house style over the whole tree: lengths, documentation, names of
// folders, imports between packages, and what may not be used where. It has tests only.
//
// An exception is beside the code that it concerns, with its reason:
//
//	// tidy:float durations of a histogram, not money
package tidy
