"""What the commands of training are made of; they lie in the folder above."""
