package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// encodeBenchmark is the Go benchmark that encodes the event of a purchase as Avro.
// encodePackage is its package.
const (
	encodeBenchmark = "BenchmarkAppendTransaction"
	encodePackage   = "./schemas/event"
	// maxEncoding is the longest time of each run. The result is steady in less.
	maxEncoding = time.Second
)

// encode runs the Go benchmark of the encoding of events.
func (w *workbench) encode(ctx context.Context) ([]Figure, error) {
	run := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^"+encodeBenchmark+"$", "-benchmem",
		"-count", strconv.Itoa(w.options.Rounds), "-benchtime", min(w.options.Window, maxEncoding).String(), encodePackage)
	run.Dir = w.stack.Root()
	run.Env = append(os.Environ(), "GOWORK="+w.stack.Root()+"/go.work")
	out, err := run.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	nanoseconds, allocations, err := benchmarked(out)
	if err != nil {
		return nil, err
	}
	const setting = "the event of one purchase, " + encodeBenchmark + " of " + encodePackage
	took := Series{"time", "ns/op", nanoseconds}
	return []Figure{
		{Name: "EncodeAllocations", Setting: setting, Terms: []Series{took}, Values: allocations, Unit: "allocs/op"},
	}, nil
}

// benchmarked reads the output of a Go benchmark.
func benchmarked(out []byte) (nanoseconds, allocations []float64, err error) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], encodeBenchmark) {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
			switch fields[i+1] {
			case "ns/op":
				nanoseconds = append(nanoseconds, value)
			case "allocs/op":
				allocations = append(allocations, value)
			}
		}
	}
	if len(nanoseconds) == 0 || len(nanoseconds) != len(allocations) {
		return nil, nil, errors.New("the benchmark printed no figures")
	}
	return nanoseconds, allocations, nil
}
