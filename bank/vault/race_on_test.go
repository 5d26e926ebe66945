//go:build race

package vault

// allocationsAllowed is the cost of a pool that drops states at random.
const allocationsAllowed = 20.0
