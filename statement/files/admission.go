package files

import (
	"context"
	"errors"
	"time"

	"codebank.dev/statement"
)

// The times between two tries to admit a request. They grow with its age.
const (
	soonestTry = time.Second
	latestTry  = 30 * time.Second
)

// admit admits a request that had to wait. It returns a *Later if it has to wait on, and why it has failed if it has
// waited for too long.
func (m *Maker) admit(ctx context.Context, claim *Claim) error {
	if claim.Admitted() {
		return nil
	}
	waiting, err := m.obstacle(ctx, claim)
	if err != nil {
		return err
	}
	if waiting == "" {
		claim.Waiting, claim.AdmittedAt = "", m.Now()
		return nil
	}
	patience := m.RequestPatience
	if patience == 0 {
		patience = RequestPatience
	}
	age := m.Now().Sub(claim.CreatedAt)
	if age < patience {
		return &Later{After: min(max(age/4, soonestTry), latestTry), Waiting: waiting}
	}
	m.Logger.WarnContext(ctx, "a request for a file has waited for too long and has failed", "file", claim.ID.String(), "account", claim.Account.String(),
		"requester", claim.Requester, "request_id", claim.RequestID, "failure", waiting)
	return &unmade{waiting, nil}
}

// obstacle admits a request, or returns what it waits for. That is the reason of its failure, too.
func (m *Maker) obstacle(ctx context.Context, claim *Claim) (string, error) {
	_, err := m.States.State(ctx, claim.Reader, claim.Account)
	if errors.Is(err, statement.ErrNoAccount) {
		return WaitingForAccount, nil
	}
	if err != nil {
		return "", err
	}
	admitted, err := m.Workshop.Admit(ctx, claim)
	if err != nil || admitted {
		return "", err
	}
	return WaitingForTurn, nil
}
