//go:build !race

package vault

// allocationsAllowed is the cost of a pool that keeps its states.
const allocationsAllowed = 0.0
