package chaos

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc/codes"
)

// readCounts counts the reads of the readers.
type readCounts struct {
	accounts, statements atomic.Int64
}

// rereadAccounts is how many accounts a reader reads again and again.
const rereadAccounts = 50

// readRepeatedly is one reader. It reads the same accounts again and again, at the bank and on
// the statement. A later read must never show an earlier state.
func (l *load) readRepeatedly(ctx context.Context, worker int, random *rand.Rand) {
	var known []*card
	atBank, onStatement := make(map[uint32]int64), make(map[uint32]int64)
	for !l.over(ctx) {
		l.pace.wait(ctx, 1)
		if len(known) < rereadAccounts {
			known = append(known, l.cards.draw(random, lowLimit))
		}
		c := known[random.IntN(len(known))]
		if account, ok := l.readAccount(ctx, worker+random.IntN(len(l.clients.banks)), c); ok {
			l.reads.accounts.Add(1)
			if account.Sequence < atBank[c.index] {
				l.observed.report("I16", "%s was read at sequence %d, then at %d", c.account, atBank[c.index], account.Sequence)
			}
			atBank[c.index] = account.Sequence
		}
		complete, ok := l.statementCompleteTo(ctx, c)
		if !ok {
			sleep(ctx, retryDelay)
			continue
		}
		l.reads.statements.Add(1)
		if complete < onStatement[c.index] {
			l.observed.report("I16", "the statement of %s was complete to %d, then to %d", c.account, onStatement[c.index], complete)
		}
		onStatement[c.index] = complete
	}
}

// statementCompleteTo reads the sequence up to which a statement is complete.
func (l *load) statementCompleteTo(ctx context.Context, c *card) (int64, bool) {
	once, cancel := callContext(ctx)
	defer cancel()
	answer, err := l.clients.statements.GetStatement(once, &statementv1.GetStatementRequest{Name: c.account + "/statement"})
	// An account whose first event has not arrived is not found.
	return answer.GetStatement().GetCompleteToSequence(), l.observed.classify("GetStatement", err, codes.NotFound) == classOK
}
