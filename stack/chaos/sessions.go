package chaos

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/grpc/codes"
)

// sessions counts what readers saw.
type sessions struct {
	accounts, statements atomic.Int64
}

// sessionAccounts is how many accounts a reader comes back to.
const sessionAccounts = 50

// read is a reader who looks at the same accounts again and again: what it saw of
// one it must not see less of later, at the bank nor on the statement.
func (l *load) read(ctx context.Context, worker int, random *rand.Rand) {
	var known []*card
	atBank, onStatement := make(map[uint32]int64), make(map[uint32]int64)
	for !l.over(ctx) {
		l.pace.wait(ctx, 1)
		if len(known) < sessionAccounts {
			known = append(known, l.wallet.draw(random, tight))
		}
		c := known[random.IntN(len(known))]
		if seen, ok := l.look(ctx, worker+random.IntN(len(l.clients.banks)), c); ok {
			l.reading.accounts.Add(1)
			if seen.Sequence < atBank[c.index] {
				l.seen.report("I16", "%s was seen at sequence %d, then at %d", c.account, atBank[c.index], seen.Sequence)
			}
			atBank[c.index] = seen.Sequence
		}
		complete, ok := l.complete(ctx, c)
		if !ok {
			rest(ctx, pause)
			continue
		}
		l.reading.statements.Add(1)
		if complete < onStatement[c.index] {
			l.seen.report("I16", "the statement of %s was complete to %d, then to %d", c.account, onStatement[c.index], complete)
		}
		onStatement[c.index] = complete
	}
}

// complete reads up to which sequence a statement is complete.
func (l *load) complete(ctx context.Context, c *card) (int64, bool) {
	once, cancel := call(ctx)
	defer cancel()
	answer, err := l.clients.statements.GetStatement(once, &statementv1.GetStatementRequest{Name: c.account + "/statement"})
	// Not found is an account whose first event is on its way.
	return answer.GetStatement().GetCompleteToSequence(), l.seen.classify("GetStatement", err, codes.NotFound) == fine
}
