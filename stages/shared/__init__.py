"""What the stages share: tables, checks, JSON documents, words of messages."""
