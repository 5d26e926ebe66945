// Package failpoint lets a test kill a program at a named point between two durable steps,
// because a crash there shows most faults. It is off unless a program is started with
// --failpoint. While it is off, a point costs a nil check.
//
// All programs share it, so it imports only the standard library. Parts that run for
// long have a Hook in their configuration; the work of a single command finds the Hook in
// its context (From). Each program lists its points in a package failpoints of its own. A
// test in stack/tidy checks that every durable step of the source has a point beside it.
package failpoint

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Point is a place between two durable steps.
type Point string

// Hook is called each time a point is reached. The nil Hook does nothing. It is safe
// for concurrent use if its function is.
type Hook func(Point)

// At calls the hook with a point that is reached.
func (h Hook) At(point Point) {
	if h != nil {
		h(point)
	}
}

// After is At for the end of a step that may have failed. It calls the hook only if err is
// nil.
func (h Hook) After(err error, point Point) {
	if err == nil {
		h.At(point)
	}
}

// Usage is the help of a program's flag --failpoint.
func Usage(points []Point) string {
	return "for tests: kill the program when it reaches this `point`, or NAME:N for the N-th time; one of " + list(points)
}

// Parse returns the Hook that kills the program, at once and without clearing up,
// when it reaches the point that setting names: NAME for the first time, NAME:N for
// the N-th time. For "" it returns the nil Hook. For any other text the error lists the
// points.
func Parse(setting string, points []Point) (Hook, error) {
	if setting == "" {
		return nil, nil
	}
	name, times, counted := strings.Cut(setting, ":")
	hit := int64(1)
	if counted {
		var err error
		if hit, err = strconv.ParseInt(times, 10, 64); err != nil || hit < 1 {
			return nil, fmt.Errorf("failpoint: %q is no count, 1 or more", times)
		}
	}
	for _, point := range points {
		if string(point) == name {
			return killAt(point, hit), nil
		}
	}
	return nil, fmt.Errorf("failpoint: %q is none of %s", name, list(points))
}

func list(points []Point) string {
	names := make([]string, len(points))
	for i, point := range points {
		names[i] = string(point)
	}
	return strings.Join(names, ", ")
}

func killAt(chosen Point, hit int64) Hook {
	var hits atomic.Int64
	return func(point Point) {
		if point != chosen || hits.Add(1) < hit {
			return
		}
		fmt.Fprintf(os.Stderr, "killed at failpoint %s\n", point)
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // The signal is on its way.
	}
}

// key is where a context carries a Hook.
type key struct{}

// With returns a context that carries hook. A context without a hook does nothing at a
// point.
func With(ctx context.Context, hook Hook) context.Context {
	if hook == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, hook)
}

// From returns the Hook that ctx carries, or the nil Hook if it carries none. Do not use
// it on the path of a purchase, because it searches the whole context.
func From(ctx context.Context) Hook {
	hook, _ := ctx.Value(key{}).(Hook)
	return hook
}
