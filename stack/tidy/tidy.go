// Package tidy holds the house style as a test over the whole tree: lengths,
// documentation, names of folders, the arrows between packages, and what may not
// be read or used where. It has no code of its own.
//
// An exception stands beside the code it excuses, with its reason:
//
//	// tidy:float durations of a histogram, not money
package tidy
