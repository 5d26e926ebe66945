package rpc

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// errName replaces the text of field.ID, because in this name something follows the UUID.
var errName = fault.Invalid("name", "The name must be accounts/, a lower-case UUID and /statement.")

// asOf reads which state is asked for.
func asOf(request *statementv1.GetStatementRequest) (statement.AsOf, error) {
	sequence, err := sequenceOf("as_of_sequence", request.GetAsOfSequence())
	if err != nil {
		return statement.AsOf{}, err
	}
	moment, err := parseMoment("as_of_time", request.GetAsOfTime())
	if err != nil {
		return statement.AsOf{}, err
	}
	if sequence != 0 && !moment.IsZero() {
		return statement.AsOf{}, fault.Invalid("as_of_time", "Ask for a sequence or for a time, not for both.")
	}
	if moment.Nanosecond()%int(time.Millisecond) != 0 {
		return statement.AsOf{}, fault.Invalid("as_of_time", "The time must be in whole milliseconds.")
	}
	return statement.AsOf{Sequence: sequence, Moment: moment}, nil
}

// sequenceOf checks a sequence; it is 0 when none is given.
func sequenceOf(name string, sequence int64) (int64, error) {
	if sequence < 0 {
		return 0, fault.Invalid(name, "The sequence is 0 or more.")
	}
	return sequence, nil
}

// pageQuery reads a request, but not its page token.
func pageQuery(request *statementv1.ListLinesRequest) (query statement.PageQuery, err error) {
	if query.Account, err = field.ID("parent", accountsPrefix, request.GetParent()); err != nil {
		return query, err
	}
	if query.Size, err = field.PageSize("page_size", request.GetPageSize(), defaultPageSize, maxPageSize); err != nil {
		return query, err
	}
	if query.Range, err = rangeOf(request); err != nil {
		return query, err
	}
	if query.UpTo, err = sequenceOf("as_of_sequence", request.GetAsOfSequence()); err != nil {
		return query, err
	}
	query.Filter, err = filter(request)
	return query, err
}

// filter reads which lines are asked for.
func filter(request *statementv1.ListLinesRequest) (statement.Filter, error) {
	chosen := statement.Filter{Text: request.GetText(), MinAmount: request.GetMinAmountMinor(), MaxAmount: request.GetMaxAmountMinor()}
	for _, kind := range request.GetKinds() {
		name, known := statementv1.LineKind_name[int32(kind)]
		if !known || kind == statementv1.LineKind_LINE_KIND_UNSPECIFIED {
			return chosen, fault.Invalid("kinds", "Not a kind of line.")
		}
		chosen.Kinds = append(chosen.Kinds, strings.TrimPrefix(name, "LINE_KIND_"))
	}
	slices.Sort(chosen.Kinds)
	chosen.Kinds = slices.Compact(chosen.Kinds)
	switch direction := request.GetDirection(); direction {
	case statementv1.LineDirection_LINE_DIRECTION_UNSPECIFIED:
	case statementv1.LineDirection_LINE_DIRECTION_DEBIT, statementv1.LineDirection_LINE_DIRECTION_CREDIT:
		chosen.Direction = strings.TrimPrefix(direction.String(), "LINE_DIRECTION_")
	default:
		return chosen, fault.Invalid("direction", "Not a direction of a line.")
	}
	if err := cmp.Or(field.OptionalText("text", chosen.Text, field.MaxDescription),
		field.Limit("min_amount_minor", chosen.MinAmount), field.Limit("max_amount_minor", chosen.MaxAmount)); err != nil {
		return chosen, err
	}
	if chosen.MaxAmount != 0 && chosen.MaxAmount < chosen.MinAmount {
		return chosen, fault.Invalid("max_amount_minor", "The largest amount must not be below the smallest one.")
	}
	return chosen, nil
}

// chosen returns what a page token of a query belongs to: all of the query but its page and its size.
func chosen(query *statement.PageQuery) []string {
	filter := &query.Filter
	return []string{
		query.Account.String(), moment(query.Range.Start), moment(query.Range.End), strings.Join(filter.Kinds, ","), filter.Direction, filter.Text,
		strconv.FormatInt(filter.MinAmount, 10), strconv.FormatInt(filter.MaxAmount, 10), strconv.FormatInt(query.UpTo, 10),
	}
}

// rangeOf returns the bounds of a range.
func rangeOf(request interface {
	GetStartTime() *timestamppb.Timestamp
	GetEndTime() *timestamppb.Timestamp
}) (within statement.Range, err error) {
	if within.Start, err = parseMoment("start_time", request.GetStartTime()); err != nil {
		return within, err
	}
	if within.End, err = parseMoment("end_time", request.GetEndTime()); err != nil {
		return within, err
	}
	if !within.Start.IsZero() && !within.End.IsZero() && !within.Start.Before(within.End) {
		return within, fault.Invalid("end_time", "The end of the range must be after its start.")
	}
	return within, nil
}

// parseMoment returns the zero time when none is given.
func parseMoment(field string, given *timestamppb.Timestamp) (time.Time, error) {
	if given == nil {
		return time.Time{}, nil
	}
	if !given.IsValid() {
		return time.Time{}, fault.Invalid(field, "Not a moment between the years 1 and 9999.")
	}
	if moment := given.AsTime(); !moment.IsZero() {
		return moment, nil
	}
	// The first moment of the year 1 is Go's zero time, which here means that none was given. No
	// event happened in the second after it.
	return given.AsTime().Add(time.Second), nil
}

// moment returns a bound of a range as text, for the query that a page token belongs to.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
