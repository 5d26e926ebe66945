package serve

import (
	"encoding/json"
	"io"

	"codebank.dev/platform/fault"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// marshaler reads and writes the bodies of the gateway. Fields have the names of protojson,
// and unknown fields are refused. An answer that is a google.api.HttpBody is sent as it is, such as a picture.
type marshaler struct{ *runtime.JSONPb }

func newMarshaler() marshaler {
	return marshaler{&runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{},
	}}
}

// Marshal returns the body of an answer.
func (m marshaler) Marshal(answer any) ([]byte, error) {
	if body, ok := answer.(*httpbody.HttpBody); ok {
		return body.GetData(), nil
	}
	return m.JSONPb.Marshal(answer)
}

// ContentType returns the type of an answer.
func (m marshaler) ContentType(answer any) string {
	if body, ok := answer.(*httpbody.HttpBody); ok {
		return body.GetContentType()
	}
	return m.JSONPb.ContentType(answer)
}

// NewDecoder returns a decoder of a body that is exactly one JSON value. The gateway's own
// decoder stops behind the first value, so a body with more than that would be executed.
// For an empty body it returns io.EOF, which the gateway takes for a message without
// fields.
//
// The gateway keeps only the text of an error. So why a body was refused is left in the
// body itself, for the answer.
func (m marshaler) NewDecoder(body io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(message any) error {
		text, err := io.ReadAll(body)
		if err == nil && len(text) == 0 {
			return io.EOF
		}
		refusal := malformed("", "the body did not arrive as a whole.")
		if err == nil {
			refusal = m.decode(text, message)
		}
		if refusal == nil {
			return nil
		}
		if bounded, ok := body.(*boundedBody); ok {
			bounded.refusal = refusal
		}
		return refusal
	})
}

// StreamContentType returns the type of the answers of a stream, one a line.
func (m marshaler) StreamContentType(any) string { return "application/x-ndjson" }

// decode reads one JSON value into a message. It returns why it cannot, without any value.
func (m marshaler) decode(text []byte, message any) *fault.Error {
	var value json.RawMessage
	if err := json.Unmarshal(text, &value); err != nil {
		return syntaxRefusal(err)
	}
	if m.Unmarshal(value, message) == nil {
		return nil
	}
	if known, ok := message.(proto.Message); ok {
		return bodyRefusal(value, known.ProtoReflect().Descriptor())
	}
	return malformed("", "the body is not a message of this method.")
}
