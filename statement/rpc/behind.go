package rpc

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	"codebank.dev/statement"
)

const (
	// maxBehind bounds how long a read waits for the sequence that it asks for.
	maxBehind = 5 * time.Second
	// answerTime is what is left of a caller's deadline for the answer.
	answerTime = 200 * time.Millisecond
)

// errBehind is the answer to a read that has waited for too long, or for which too many wait already.
var errBehind = fault.New(fault.Unavailable, "STATEMENT_BEHIND",
	"The statement has not reached the sequence that was asked for. Ask again.").After(time.Second)

// waitLimits are how many reads wait at once. One too many does not wait.
var waitLimits = streamLimits{ofUser: 16, ofProgram: 256, ofAll: 512, refusal: errBehind}

// reach waits until the account is complete to a sequence, if there is one. What is read afterwards is not less, because a
// state that was seen is stored. Errors: InvalidArgument min_sequence; Unavailable errBehind.
func (s *Server) reach(ctx context.Context, account id.ID, asked int64) error {
	sequence, err := sequenceOf("min_sequence", asked)
	if err != nil || sequence == 0 {
		return err
	}
	query := statement.FollowQuery{Reader: readerOf(ctx), Account: account, After: sequence, Until: s.Draining}
	state, err := s.Service.State(ctx, query.Reader, account)
	if err == nil && state.CompleteTo >= sequence {
		return nil
	}
	subject := serve.Principal(ctx)
	end, err := s.waits.begin(&subject)
	if err != nil {
		return err
	}
	defer end()
	patience := maxBehind
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)-answerTime)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.Follower.Await(waiting, query)
	if waiting.Err() != nil && ctx.Err() == nil {
		return errBehind
	}
	return err
}
