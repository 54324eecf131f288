package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"os"
)

// spool keeps values of a fixed size in a file, so that memory does not grow with the number of events.
type spool[T any] struct {
	file   *os.File
	writer *bufio.Writer
	buffer []byte
	length int
}

func newSpool[T any](directory string) (*spool[T], error) {
	file, err := os.CreateTemp(directory, "spool-*")
	if err != nil {
		return nil, err
	}
	var zero T
	return &spool[T]{file: file, writer: bufio.NewWriter(file), buffer: make([]byte, binary.Size(zero))}, nil
}

func (s *spool[T]) add(values ...T) error {
	for _, value := range values {
		if _, err := binary.Encode(s.buffer, binary.LittleEndian, value); err != nil {
			return err
		}
		if _, err := s.writer.Write(s.buffer); err != nil {
			return err
		}
		s.length++
	}
	return nil
}

// all yields what was added, once nothing more is.
func (s *spool[T]) all() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var value T
		if err := s.rewind(); err != nil {
			yield(value, err)
			return
		}
		reader := bufio.NewReader(s.file)
		for {
			_, err := io.ReadFull(reader, s.buffer)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				_, err = binary.Decode(s.buffer, binary.LittleEndian, &value)
			}
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}

func (s *spool[T]) rewind() error {
	if err := s.writer.Flush(); err != nil {
		return err
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func (s *spool[T]) close() error { return s.file.Close() }
