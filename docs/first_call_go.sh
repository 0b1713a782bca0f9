#!/usr/bin/env bash
# Generates a Go client from the published protos and runs docs/first_call.go, with Debian 12's packages alone:
#   apt-get install golang-go golang-google-grpc-dev golang-goprotobuf-dev protobuf-compiler protoc-gen-go-1-3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian's generator is from before proto3's `optional`, so it reads copies without the word: the same bytes on the wire.
cp -r proto "$work/proto"
sed --in-place --regexp-extended 's/^( *)optional /\1/' "$work"/proto/novitai/v1/*.proto
types=github.com/golang/protobuf/ptypes
protoc -I"$work/proto" --go_out="plugins=grpc,Mgoogle/protobuf/timestamp.proto=$types/timestamp,Mgoogle/protobuf/duration.proto=$types/duration:$work" \
    "$work"/proto/novitai/v1/{types,job,instance}.proto
mkdir "$work/src" && mv "$work/novitai.dev" "$work/src/"
GO111MODULE=off GOFLAGS='' GOPATH="$work:/usr/share/gocode" go run docs/first_call.go
