import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { signIn } from './state/session';

mount(App, { target: document.getElementById('app')! });
void signIn();
