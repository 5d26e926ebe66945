package launch

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
	"codebank.dev/native/process"
)

// kafka is the broker. It is its own controller.
type kafka struct {
	stack *Stack
	java  dist.Java
	lib   string
}

func (k *kafka) spec() process.Spec {
	a := k.stack.addresses
	return process.Spec{
		Name:    Kafka,
		Ports:   []int{a.port(kafkaPort), a.port(kafkaControllerPort)},
		Prepare: k.prepare,
		Command: k.command,
		Ready:   brokerReady(a.Kafka()),
	}
}

func (k *kafka) dir() string    { return filepath.Join(k.stack.dir, "kafka") }
func (k *kafka) config() string { return filepath.Join(k.dir(), "kafka.properties") }

// prepare fetches the broker, writes its configuration and formats its storage once.
func (k *kafka) prepare(ctx context.Context) error {
	var err error
	if k.java, err = dist.FindJava(ctx); err != nil {
		return err
	}
	if k.lib, err = k.stack.store.Kafka(ctx); err != nil {
		return err
	}
	data := filepath.Join(k.dir(), "data")
	err = render("kafka.properties", k.config(), struct{ Broker, Controller, Data string }{
		k.stack.addresses.Kafka(), k.stack.addresses.host(kafkaControllerPort), data,
	})
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(data, "meta.properties")); err == nil {
		return nil
	}
	machine, err := k.stack.kafkaJVM("128m")
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[0] &= 0x7f // a text that begins with - would be parsed as a flag
	format := machine.arguments("-cp", filepath.Join(k.lib, "*"), "kafka.tools.StorageTool", "format",
		"--cluster-id", base64.RawURLEncoding.EncodeToString(id[:]), "--config", k.config(), "--ignore-formatted")
	return child.Run(ctx, exec.Command(k.java.Program("java"), format...), child.Options{})
}

func (k *kafka) command(context.Context) (process.Command, error) {
	machine, err := k.stack.kafkaJVM("512m")
	if err != nil {
		return process.Command{}, err
	}
	return process.Command{
		Path: k.java.Program("java"),
		Args: machine.arguments("-cp", filepath.Join(k.lib, "*"), "kafka.Kafka", k.config()),
		Env:  environment(nil),
		Dir:  k.dir(),
	}, nil
}

// kafkaJVM returns the settings for a Java program of Kafka.
func (s *Stack) kafkaJVM(heapMax string) (jvm, error) {
	temp := filepath.Join(s.dir, "kafka", "tmp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return jvm{}, err
	}
	log4j := filepath.Join(s.dir, "kafka", "log4j2.xml")
	return jvm{heapMax: heapMax, temp: temp, log4j: log4j}, render("log4j2.xml", log4j, nil)
}
