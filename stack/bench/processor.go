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

// tick is the unit in which Linux tells processor time, on every machine it runs on.
const tick = 10 * time.Millisecond

// processors is processor time by who spent it.
type processors struct {
	bank, client, postgres time.Duration
}

func (p processors) less(q processors) processors {
	return processors{p.bank - q.bank, p.client - q.client, p.postgres - q.postgres}
}

func (p processors) plus(q processors) processors {
	return processors{p.bank + q.bank, p.client + q.client, p.postgres + q.postgres}
}

// meter reads the processor time of this program, of a bank, and of Postgres with
// all its children. Where the system does not tell, it reads 0.
type meter struct {
	postgres int
}

func (m *meter) read(bank int) processors {
	var own syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil {
		return processors{}
	}
	p := processors{client: time.Duration(own.Utime.Nano() + own.Stime.Nano())}
	if bank > 0 {
		p.bank = stat(bank).used
	}
	if m == nil || m.postgres == 0 {
		return p
	}
	server := stat(m.postgres)
	p.postgres = server.used + server.children
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return p
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if one := stat(pid); one.parent == m.postgres {
				p.postgres += one.used
			}
		}
	}
	return p
}

// spent is what the system knows of a process: its own processor time and that of its
// children that have ended.
type spent struct {
	parent         int
	used, children time.Duration
}

func stat(pid int) spent {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return spent{}
	}
	// The name, in brackets, may hold spaces and brackets itself.
	fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
	if len(fields) < 15 {
		return spent{}
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(string(fields[i]))
		return n
	}
	return spent{
		parent:   number(1),
		used:     time.Duration(number(11)+number(12)) * tick,
		children: time.Duration(number(13)+number(14)) * tick,
	}
}

// Spending is the processor time of one operation of a term, by process.
type Spending struct {
	Term           string  `json:"term"`
	BankMicros     float64 `json:"bank_micros"`
	ClientMicros   float64 `json:"client_micros"`
	PostgresMicros float64 `json:"postgres_micros"`
	operations     int64
	used           processors
}

// account adds a window to what its term has spent in this row.
func (w *world) account(t term, m measured) {
	i := 0
	for i < len(w.spent) && w.spent[i].Term != t.name {
		i++
	}
	if i == len(w.spent) {
		w.spent = append(w.spent, Spending{Term: t.name})
	}
	s := &w.spent[i]
	s.operations += m.n
	s.used = s.used.plus(m.used)
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(max(1, s.operations)) }
	s.BankMicros, s.ClientMicros, s.PostgresMicros = each(s.used.bank), each(s.used.client), each(s.used.postgres)
}

// busy is the load of the machine in the last minute, as the system tells it.
func busy() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(content))[:3], " ")
}

func (s Spending) line() string {
	return fmt.Sprintf("  %-56s %7.1f %7.1f %9.1f %7.1f", s.Term, s.BankMicros, s.ClientMicros, s.PostgresMicros,
		s.BankMicros+s.ClientMicros+s.PostgresMicros)
}
