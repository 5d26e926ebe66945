package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of processor time in /proc. It is the same on every Linux machine.
const tick = 10 * time.Millisecond

// processorTime is processor time by process.
type processorTime struct {
	bank, checkout, client, postgres time.Duration
}

func (p processorTime) less(q processorTime) processorTime {
	return processorTime{p.bank - q.bank, p.checkout - q.checkout, p.client - q.client, p.postgres - q.postgres}
}

func (p processorTime) plus(q processorTime) processorTime {
	return processorTime{p.bank + q.bank, p.checkout + q.checkout, p.client + q.client, p.postgres + q.postgres}
}

// meter reads the processor time of this program, of a bank, of a checkout, and of Postgres with all its
// children. It reads 0 where the system does not provide it.
type meter struct {
	postgres int
}

func (m *meter) read(bank, checkout int) processorTime {
	var own syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil {
		return processorTime{}
	}
	p := processorTime{client: time.Duration(own.Utime.Nano() + own.Stime.Nano())}
	if bank > 0 {
		p.bank = readStat(bank).own
	}
	if checkout > 0 {
		p.checkout = readStat(checkout).own
	}
	if m == nil || m.postgres == 0 {
		return p
	}
	server := readStat(m.postgres)
	p.postgres = server.own + server.children
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return p
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if one := readStat(pid); one.parent == m.postgres {
				p.postgres += one.own
			}
		}
	}
	return p
}

// processStat is the processor time of a process: its own and that of its children that have
// ended.
type processStat struct {
	parent        int
	own, children time.Duration
}

func readStat(pid int) processStat {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return processStat{}
	}
	// The name is in parentheses and may itself contain spaces and parentheses.
	fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
	if len(fields) < 15 {
		return processStat{}
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(string(fields[i]))
		return n
	}
	return processStat{
		parent:   number(1),
		own:      time.Duration(number(11)+number(12)) * tick,
		children: time.Duration(number(13)+number(14)) * tick,
	}
}

// TermTime is the processor time of one operation of a term, by process.
type TermTime struct {
	Term           string  `json:"term"`
	BankMicros     float64 `json:"bank_micros"`
	CheckoutMicros float64 `json:"checkout_micros,omitempty"`
	ClientMicros   float64 `json:"client_micros"`
	PostgresMicros float64 `json:"postgres_micros"`
	operations     int64
	total          processorTime
}

// addProcessorTime adds the processor time of a window to the total of its term in this row.
func (w *workbench) addProcessorTime(t term, m windowResult) {
	i := 0
	for i < len(w.processorTimes) && w.processorTimes[i].Term != t.name {
		i++
	}
	if i == len(w.processorTimes) {
		w.processorTimes = append(w.processorTimes, TermTime{Term: t.name})
	}
	s := &w.processorTimes[i]
	s.operations += m.n
	s.total = s.total.plus(m.processors)
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(max(1, s.operations)) }
	s.BankMicros, s.CheckoutMicros, s.ClientMicros, s.PostgresMicros = each(s.total.bank), each(s.total.checkout), each(s.total.client), each(s.total.postgres)
}

// loadAverage returns the load averages of the machine.
func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(content))[:3], " ")
}

func (s TermTime) line() string {
	return fmt.Sprintf("  %-56s %7.1f %8.1f %7.1f %9.1f %7.1f", s.Term, s.BankMicros, s.CheckoutMicros, s.ClientMicros, s.PostgresMicros,
		s.BankMicros+s.CheckoutMicros+s.ClientMicros+s.PostgresMicros)
}
