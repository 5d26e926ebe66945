package audit

import "fmt"

// figures are the figures of an account after an event of the ledger.
type figures struct {
	balance, held, available, creditLimit int64
	// movement is the change of the balance; 0 if the event moved no money. setAside is the change of the
	// held amount.
	movement   int64
	setAside   int64
	occurredAt int64
}

// breach is a figure that does not follow from the figures before it.
type breach struct {
	field  string
	detail string
}

// follow returns the figures of f that do not follow from before, the figures after the
// previous event.
func (f *figures) follow(before *figures) []breach {
	var breaches []breach
	if expected := before.balance + f.movement; f.balance != expected {
		breaches = append(breaches, breach{"balance_after_minor",
			fmt.Sprintf("%d, but %d and the amount make %d", f.balance, before.balance, expected)})
	}
	if expected := before.held + f.setAside; f.held != expected {
		breaches = append(breaches, breach{"held_after_minor",
			fmt.Sprintf("%d, but %d and what the event sets aside or releases make %d", f.held, before.held, expected)})
	}
	if f.occurredAt < before.occurredAt {
		breaches = append(breaches, breach{"occurred_at", "before the event that precedes it"})
	}
	return append(breaches, f.agree()...)
}

// agree returns the figures that contradict each other.
func (f *figures) agree() []breach {
	if expected := f.balance - f.held + f.creditLimit; f.available != expected {
		return []breach{{"available_after_minor", fmt.Sprintf("%d, but the other figures make %d", f.available, expected)}}
	}
	return nil
}

// compareWith returns the figures of an account, as of the cut, that differ from those of
// its last event.
func (f *figures) compareWith(account *cutAccount) []breach {
	var breaches []breach
	for _, figure := range []struct {
		field        string
		event, atCut int64
	}{
		{"balance_after_minor", f.balance, account.balance},
		{"held_after_minor", f.held, account.held},
		{"credit_limit_minor", f.creditLimit, account.creditLimit},
	} {
		if figure.event != figure.atCut {
			breaches = append(breaches, breach{figure.field,
				fmt.Sprintf("%d after the account's last event, but the account stands at %d", figure.event, figure.atCut)})
		}
	}
	return breaches
}
