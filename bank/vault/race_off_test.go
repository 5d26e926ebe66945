//go:build !race

package vault

// allocationsAllowed is what a pool that keeps its states costs.
const allocationsAllowed = 0.0
