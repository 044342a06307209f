"""What every command needs: options, a beginning, an end."""
