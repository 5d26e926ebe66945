// Package failpoint lets a test kill the program at a named point, where a crash is
// most instructive. It is off unless the program is started with --failpoint.
package failpoint

import (
	"fmt"
	"os"
	"strings"
)

// Point is a place in the life of an order.
type Point string

// The points, in the order in which an order passes them.
const (
	// AfterToken: the bank gave a token, nothing is stored.
	AfterToken Point = "after-token"
	// BeforeBankCall: the order is stored, the bank has not been asked.
	BeforeBankCall Point = "before-bank-call"
	// AfterBankAnswer: the bank has decided, the answer is not stored.
	AfterBankAnswer Point = "after-bank-answer"
	// AfterVoidDecision: that the order is to be voided is stored, the bank is not told.
	AfterVoidDecision Point = "after-void-decision"
)

// Points returns every point.
func Points() []Point {
	return []Point{AfterToken, BeforeBankCall, AfterBankAnswer, AfterVoidDecision}
}

// Hook is told each time a point is reached. The nil Hook does nothing.
type Hook func(Point)

// At tells the hook that a point is reached.
func (h Hook) At(point Point) {
	if h != nil {
		h(point)
	}
}

// Parse returns the Hook that kills the program, at once and without clearing up,
// when the named point is reached: the nil Hook for "", an error that lists the
// points for a name that is none.
func Parse(name string) (Hook, error) {
	if name == "" {
		return nil, nil
	}
	var names []string
	for _, point := range Points() {
		if string(point) == name {
			return killAt(point), nil
		}
		names = append(names, string(point))
	}
	return nil, fmt.Errorf("failpoint: %q is none of %s", name, strings.Join(names, ", "))
}

func killAt(chosen Point) Hook {
	return func(point Point) {
		if point != chosen {
			return
		}
		fmt.Fprintf(os.Stderr, "killed at failpoint %s\n", point)
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // The signal is on its way.
	}
}
