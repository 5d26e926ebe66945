//go:build race

package vault

// allocationsAllowed is what a pool that drops states at random may cost.
const allocationsAllowed = 20.0
