package schemas

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "codebank.dev/schemas/gen/bank/v1"
	_ "codebank.dev/schemas/gen/checkout/v1"
	_ "codebank.dev/schemas/gen/identity/v1"
	_ "codebank.dev/schemas/gen/statement/v1"
)

// `generate --check` compares the protos with the newest release by all of buf's rules.
// This test does the part that needs no tools: everything in any release is still in
// the generated code, under its name and number.
func TestTheGeneratedCodeHasEverythingThatWasReleased(t *testing.T) {
	images, err := filepath.Glob("released/*.binpb")
	require.NoError(t, err)
	require.NotEmpty(t, images)
	for _, image := range images {
		t.Run(filepath.Base(image), func(t *testing.T) {
			body, err := os.ReadFile(image)
			require.NoError(t, err)
			var released descriptorpb.FileDescriptorSet
			require.NoError(t, proto.Unmarshal(body, &released))
			files := 0
			for _, file := range released.GetFile() {
				if strings.HasPrefix(file.GetPackage(), "google.") {
					continue
				}
				files++
				requireFile(t, file)
			}
			require.Positive(t, files)
		})
	}
}

func requireFile(t *testing.T, file *descriptorpb.FileDescriptorProto) {
	t.Helper()
	pkg := protoreflect.FullName(file.GetPackage())
	for _, message := range file.GetMessageType() {
		require.Empty(t, message.GetNestedType(), "nested messages are not checked")
		found, ok := find(t, pkg.Append(protoreflect.Name(message.GetName()))).(protoreflect.MessageDescriptor)
		require.True(t, ok)
		for _, field := range message.GetField() {
			current := found.Fields().ByNumber(protoreflect.FieldNumber(field.GetNumber()))
			require.NotNil(t, current, "%s.%s", message.GetName(), field.GetName())
			require.EqualValues(t, field.GetName(), current.Name())
			require.EqualValues(t, field.GetType(), current.Kind())
			require.EqualValues(t, field.GetLabel(), current.Cardinality())
		}
	}
	for _, enum := range file.GetEnumType() {
		found, ok := find(t, pkg.Append(protoreflect.Name(enum.GetName()))).(protoreflect.EnumDescriptor)
		require.True(t, ok)
		for _, value := range enum.GetValue() {
			current := found.Values().ByNumber(protoreflect.EnumNumber(value.GetNumber()))
			require.NotNil(t, current, value.GetName())
			require.EqualValues(t, value.GetName(), current.Name())
		}
	}
	for _, service := range file.GetService() {
		found, ok := find(t, pkg.Append(protoreflect.Name(service.GetName()))).(protoreflect.ServiceDescriptor)
		require.True(t, ok)
		for _, method := range service.GetMethod() {
			current := found.Methods().ByName(protoreflect.Name(method.GetName()))
			require.NotNil(t, current, method.GetName())
			require.Equal(t, strings.TrimPrefix(method.GetInputType(), "."), string(current.Input().FullName()))
			require.Equal(t, strings.TrimPrefix(method.GetOutputType(), "."), string(current.Output().FullName()))
			require.Equal(t, method.GetClientStreaming(), current.IsStreamingClient())
			require.Equal(t, method.GetServerStreaming(), current.IsStreamingServer())
		}
	}
}

func find(t *testing.T, name protoreflect.FullName) protoreflect.Descriptor {
	t.Helper()
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	require.NoError(t, err)
	return found
}

// Card data in a log is the worst result that a contract can have.
func TestCardDataIsMarkedAsNotPrintable(t *testing.T) {
	secret := map[protoreflect.Name]bool{"number": true, "cvv": true, "card_token": true}
	seen := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(file.Package()), "google.") {
			return true
		}
		for i := range file.Messages().Len() {
			fields := file.Messages().Get(i).Fields()
			for j := range fields.Len() {
				if secret[fields.Get(j).Name()] {
					seen++
					options := fields.Get(j).Options().(*descriptorpb.FieldOptions)
					require.True(t, options.GetDebugRedact(), fields.Get(j).FullName())
				}
			}
		}
		return true
	})
	require.Positive(t, seen)
}
